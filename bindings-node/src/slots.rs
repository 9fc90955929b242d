//! Objects of the core behind numbers.
//!
//! A handle is a place in a table and that place's turn, so a handle of an object that is gone is
//! recognised. Each thread has its own tables: a worker that ends takes its objects with it, nothing
//! waits for anything, and a handle that strays into another thread finds another object or none, never
//! freed memory.

use std::cell::RefCell;
use std::thread::LocalKey;

use napi::Env;
use seawall::{ConfigError, Misuse};

use crate::answer::{misconfigured, misused};

const INDEX_BITS: u32 = 20;
const MOST_PLACES: usize = 1 << INDEX_BITS;
const LAST_TURN: u32 = (1 << (32 - INDEX_BITS)) - 1;

/// | bits    | field | meaning                                                        |
/// |---------|-------|----------------------------------------------------------------|
/// | 0..=19  | index | the place in the table                                         |
/// | 20..=31 | turn  | 1..=4095, the place's how-manieth object; a place then retires |
fn handle_of(index: usize, turn: u32) -> u32 {
    index as u32 | turn << INDEX_BITS
}

/// The objects of one kind in one thread.
pub struct Slots<T: ?Sized>(RefCell<Table<T>>);

struct Table<T: ?Sized> {
    places: Vec<Place<T>>,
    free: Vec<usize>,
}

struct Place<T: ?Sized> {
    turn: u32,
    object: Option<Box<T>>,
}

impl<T: ?Sized> Slots<T> {
    pub const fn new() -> Self {
        Self(RefCell::new(Table {
            places: Vec::new(),
            free: Vec::new(),
        }))
    }

    fn insert(&self, object: Box<T>) -> Result<u32, Misuse> {
        let mut table = self.0.try_borrow_mut().map_err(|_| Misuse::Panic)?;
        if let Some(index) = table.free.pop() {
            let place = &mut table.places[index];
            place.object = Some(object);
            return Ok(handle_of(index, place.turn));
        }
        let index = table.places.len();
        if index == MOST_PLACES {
            return Err(Misuse::StorageTooSmall);
        }
        table.places.push(Place {
            turn: 1,
            object: Some(object),
        });
        Ok(handle_of(index, 1))
    }

    fn remove(&self, handle: u32) -> Option<Box<T>> {
        let mut table = self.0.try_borrow_mut().ok()?;
        let index = handle as usize & (MOST_PLACES - 1);
        let place = table.places.get_mut(index)?;
        if place.turn != handle >> INDEX_BITS {
            return None;
        }
        let object = place.object.take()?;
        if place.turn < LAST_TURN {
            place.turn += 1;
            table.free.push(index);
        }
        Some(object)
    }

    #[inline]
    fn look<R>(&self, handle: u32, use_it: impl FnOnce(&T) -> R) -> Result<R, Misuse> {
        let table = self.0.try_borrow().map_err(|_| Misuse::Panic)?;
        match table.places.get(handle as usize & (MOST_PLACES - 1)) {
            Some(Place {
                turn,
                object: Some(object),
            }) if *turn == handle >> INDEX_BITS => Ok(use_it(object)),
            _ => Err(Misuse::Uninitialised),
        }
    }
}

/// Takes a new object in and answers its handle, or why there is none. Tells the garbage collector how much
/// memory hangs on the object's small wrapper, so that it comes in time.
pub fn make<T: ?Sized>(
    env: &Env,
    slots: &'static LocalKey<Slots<T>>,
    object: Result<Box<T>, ConfigError>,
) -> f64 {
    let object = match object {
        Ok(object) => object,
        Err(error) => return misconfigured(error),
    };
    let bytes = size_of_val(&*object);
    let inserted = slots
        .try_with(|slots| slots.insert(object))
        .unwrap_or(Err(Misuse::Uninitialised));
    match inserted {
        Ok(handle) => {
            weigh(env, bytes as i64);
            f64::from(handle)
        }
        Err(misuse) => misused(misuse),
    }
}

/// Frees an object. False when it was freed before.
pub fn free<T: ?Sized>(env: &Env, slots: &'static LocalKey<Slots<T>>, handle: u32) -> bool {
    let removed = slots.try_with(|slots| slots.remove(handle)).ok().flatten();
    if let Some(object) = &removed {
        weigh(env, -(size_of_val(&**object) as i64));
    }
    removed.is_some()
}

fn weigh(env: &Env, bytes: i64) {
    // Only a hint: where it cannot be given, the collector comes later.
    let _ = env.adjust_external_memory(bytes);
}

/// Uses an object, or says that the handle means none.
#[inline]
pub fn with<T: ?Sized, R>(
    slots: &'static LocalKey<Slots<T>>,
    handle: u32,
    use_it: impl FnOnce(&T) -> R,
) -> Result<R, Misuse> {
    slots
        .try_with(|slots| slots.look(handle, use_it))
        .unwrap_or(Err(Misuse::Uninitialised))
}
