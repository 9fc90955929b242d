/** Objects of the native half: freed when disposed of, or when nobody can reach their wrapper any more. */

/** The handle of an object that was disposed of; no object ever has it. */
export const NONE = 0;

/** Frees the objects of one kind. */
export class Freeing {
  #free: (handle: number) => boolean;
  #registry: FinalizationRegistry<number>;

  constructor(free: (handle: number) => boolean) {
    this.#free = free;
    this.#registry = new FinalizationRegistry(free);
  }

  /** Frees the object when its wrapper is collected. */
  watch(wrapper: object, handle: number): number {
    this.#registry.register(wrapper, handle, wrapper);
    return handle;
  }

  /** Frees the object now. A second time nothing happens. */
  now(wrapper: object, handle: number): void {
    if (handle !== NONE) {
      this.#registry.unregister(wrapper);
      this.#free(handle);
    }
  }
}
