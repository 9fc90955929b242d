//! A checkout service in Rust. What it may ask of payment stands in seawall.toml; its customers are in shop.rs.

mod shop;

use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper_util::client::legacy::Error as ClientError;
use seawall::{Attempt, DependencyError, Fallback, Seawall, classify};
use std::sync::Arc;

use shop::{Failure, Payment, Shop};
pub use shop::{Options, run};

/// Opens the file and takes the dependency.
fn open(shop: &Arc<Shop>) -> Result<Payment, Failure> {
    let wall = Seawall::open(shop.policies())?;
    wall.on_event(shop.listener());
    let is_worth_it = |error: &Failure| error.is::<ClientError>();
    let payment = wall.dependency("payment")?.calling();
    let payment = payment.on(classify::retry_if(is_worth_it));
    let pending = "pending: we will confirm the payment later";
    Ok(payment.fallback(Fallback::value(pending.to_string()))?)
}

/// Pays an order as the file has it: timeout, retry, breaker, bulkhead, fallback.
async fn pay(shop: &Shop, payment: &Payment) -> Result<String, DependencyError<Failure>> {
    let charge = |attempt: Attempt| charge(shop, attempt.idempotency_key());
    payment.call_async(tokio::time::sleep, charge).await
}

/// The HTTP call as anybody would write it: all there is in the first act.
async fn charge(shop: &Shop, key: String) -> Result<String, Failure> {
    let _waits = shop.waits();
    let request = Request::post(shop.url("/pay")).header("idempotency-key", key);
    let response = shop.http.request(request.body(Empty::new())?).await?;
    if !response.status().is_success() {
        return Err(format!("payment answered {}", response.status()).into());
    }
    let body = response.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8(body.into())?)
}
