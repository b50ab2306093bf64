//! A Worker in Rust that keeps its state in Redis.
//!
//! | path | what it shows |
//! |---|---|
//! | `/visits/:page` | one command, and the reply as a number |
//! | `/profile/:name` | a pipeline: one write, one round trip, a tuple of replies |
//! | `/shared/:page` | the same counter through a Durable Object, whose requests share one connection |
//!
//! While Redis is away each answers 503 with what is wrong and what to do about it.

use std::collections::BTreeMap;

use edgis::{Client, ErrorKind};
// The macros of the crate want all of it in scope.
use worker::*;

#[event(fetch)]
async fn fetch(request: Request, env: Env, _context: Context) -> Result<Response> {
    Router::new()
        .get_async("/visits/:page", visits)
        .get_async("/profile/:name", profile)
        .get_async("/shared/:page", shared)
        .run(request, env)
        .await
}

/// A client of this request: sockets of Workers belong to the request that opened them.
fn redis(env: &Env) -> Result<Client> {
    Ok(Client::new(env.var("REDIS_URL")?.to_string()))
}

/// Turns a result into a response; an error of Redis comes with its hint.
fn answer<T: ToString>(result: std::result::Result<T, edgis::Error>) -> Result<Response> {
    match result {
        Ok(value) => Response::ok(value.to_string()),
        Err(error) => {
            let away = matches!(
                error.kind(),
                ErrorKind::Disabled(_) | ErrorKind::Connect(_) | ErrorKind::Timeout(_)
            );
            Response::error(format!("{}: {error}", error.code()), if away { 503 } else { 500 })
        }
    }
}

async fn visits(_: Request, context: RouteContext<()>) -> Result<Response> {
    let redis = redis(&context.env)?;
    let page = context.param("page").map_or("/", |page| page);
    answer(redis.call::<u64>(("HINCRBY", "visits", page, 1)).await)
}

async fn profile(_: Request, context: RouteContext<()>) -> Result<Response> {
    let redis = redis(&context.env)?;
    let name = context.param("name").map_or("nobody", |name| name);
    let key = format!("profile:{name}");
    let profile = async {
        let (_, visits, fields): ((), u64, BTreeMap<String, String>) = redis
            .pipeline()
            .cmd(("HSET", &key, "name", name))
            .cmd(("HINCRBY", &key, "visits", 1))
            .cmd(("HGETALL", &key))
            .query()
            .await?;
        Ok(format!("{} has been here {visits} times", fields["name"]))
    };
    answer(profile.await)
}

async fn shared(request: Request, context: RouteContext<()>) -> Result<Response> {
    let object = context.durable_object("COUNTER")?.id_from_name("everybody")?.get_stub()?;
    object.fetch_with_request(request).await
}

/// Its requests may share sockets, so it keeps one client for all of them.
#[durable_object]
pub struct Counter {
    redis: Client,
}

impl DurableObject for Counter {
    fn new(_: State, env: Env) -> Counter {
        // Without a URL the client is there all the same, and says what it lacks.
        Counter { redis: redis(&env).unwrap_or_else(|_| Client::new("")) }
    }

    async fn fetch(&self, request: Request) -> Result<Response> {
        let path = request.path();
        let page = path.rsplit('/').next().unwrap_or("/");
        answer(self.redis.call::<u64>(("HINCRBY", "visits", page, 1)).await)
    }
}
