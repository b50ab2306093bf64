//! A Worker that keeps its client from one request to the next, as it must not.

use std::cell::OnceCell;

use edgis::Client;
use worker::*;

thread_local! {
    static KEPT: OnceCell<Client> = const { OnceCell::new() };
}

#[event(fetch)]
async fn fetch(_: Request, env: Env, _: Context) -> Result<Response> {
    let url = env.var("REDIS_URL")?.to_string();
    let redis = KEPT.with(|kept| kept.get_or_init(|| Client::new(url)).clone());
    match redis.call::<u64>(("INCR", "visits")).await {
        Ok(visits) => Response::ok(visits.to_string()),
        Err(error) => Response::error(error.to_string(), 500),
    }
}
