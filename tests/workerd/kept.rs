//! A Worker that keeps its client from one request to the next, and one from before any, as it must not.

use std::cell::OnceCell;
use std::time::Duration;

use edgis::Client;
use worker::wasm_bindgen_futures::spawn_local;
use worker::*;

thread_local! {
    static KEPT: OnceCell<Client> = const { OnceCell::new() };
    static EARLY: OnceCell<Client> = const { OnceCell::new() };
}

#[event(start)]
fn start() {
    EARLY.with(|early| early.set(Client::new("redis://127.0.0.1:1")).ok());
}

async fn count(redis: &Client) -> std::result::Result<u64, edgis::Error> {
    redis.call::<u64>(("INCR", "visits")).await
}

/// | path | whose client it uses |
/// |---|---|
/// | `/` | the one that the first request made |
/// | `/beside` | the same, while a timer of its own is pending |
/// | `/early` | the one that was made before any request |
/// | `/owner` | the kept one, as its owner: now, and again after a second |
#[event(fetch)]
async fn fetch(request: Request, env: Env, _: Context) -> Result<Response> {
    let url = env.var("REDIS_URL")?.to_string();
    let kept = || KEPT.with(|kept| kept.get_or_init(|| Client::new(url)).clone());
    let result = match request.path().as_str() {
        "/beside" => {
            spawn_local(async { Delay::from(Duration::from_millis(500)).await });
            count(&kept()).await
        }
        "/early" => count(&EARLY.with(|early| early.get().cloned()).expect("it was made")).await,
        "/owner" => {
            let redis = kept();
            let first = count(&redis).await;
            Delay::from(Duration::from_secs(1)).await;
            match first {
                Ok(_) => count(&redis).await,
                Err(error) => Err(error),
            }
        }
        _ => count(&kept()).await,
    };
    match result {
        Ok(visits) => Response::ok(visits.to_string()),
        Err(error) => Response::error(error.to_string(), 500),
    }
}
