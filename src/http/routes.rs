//! The routes, one line each. What is routed, what `Allow` says and what the API's description has to hold follow from
//! this table.

use actix_web::http::Method;
use actix_web::{HttpRequest, Resource, Route, guard, web};

use super::{
    ApiError, batches, digests, docs, docsgpt, events, files, front, health, limits, openapi, results, retention,
    retry, stats, upload,
};

/// Every route. Those of one path stand together.
pub const ROUTES: &[ApiRoute] = &[
    get("/", "get_page", || web::to(front::home)),
    get("/page/{asset}", "get_page_asset", || web::to(front::asset)),
    get("/batches", "list_batches", || web::to(batches::list)),
    post("/batches", "upload_batch", || web::to(upload::upload)),
    get("/batches/{batch}", "get_batch", || web::to(batches::status)),
    delete("/batches/{batch}", "delete_batch", || web::to(batches::remove)),
    post("/batches/{batch}/cancel", "cancel_batch", || web::to(batches::cancel)),
    post("/batches/{batch}/retry", "retry_batch", || web::to(retry::retry)),
    get("/batches/{batch}/events", "follow_batch", || web::to(events::of_batch)),
    get("/batches/{batch}/results", "get_results", || web::to(results::results)),
    get("/batches/{batch}/files/{file}", "get_file", || web::to(files::status)),
    get("/batches/{batch}/files/{file}/text", "get_text", || web::to(files::text)),
    get("/batches/{batch}/files/{file}/content", "get_content", || web::to(files::content)),
    post("/digests", "find_digests", || web::to(digests::find)),
    get("/events", "follow_batches", || web::to(events::of_owner)),
    post("/retention", "sweep_batches", || web::to(retention::sweep)),
    post("/api/store_attachment", "store_attachment", || web::to(docsgpt::store::store)),
    get("/api/task_status", "get_task_status", || web::to(docsgpt::task::status)),
    get("/api/events", "follow_attachments", || web::to(docsgpt::events::follow)),
    get("/healthz", "get_health", || web::to(health::alive)),
    get("/readyz", "get_readiness", || web::to(health::ready)),
    get("/metrics", "get_metrics", || web::to(health::metrics)),
    get("/limits", "get_limits", || web::to(limits::limits)),
    get("/stats", "get_stats", || web::to(stats::stats)),
    get("/openapi.json", "get_openapi", || web::to(openapi::document)),
    get("/docs", "get_docs", || web::to(docs::page)),
    get("/docs/docs.css", "get_docs_style", || web::to(docs::style)),
    get("/docs/docs.js", "get_docs_script", || web::to(docs::script)),
];

/// A method of a path. GET stands for HEAD, too, which is answered alike but for the body.
#[derive(Debug)]
pub struct ApiRoute {
    pub method: Method,
    /// As actix-web and `OpenAPI` write it: `/batches/{batch}`.
    pub path: &'static str,
    /// What generated clients call it.
    pub name: &'static str,
    handler: fn() -> Route,
}

const fn get(path: &'static str, name: &'static str, handler: fn() -> Route) -> ApiRoute {
    ApiRoute { method: Method::GET, path, name, handler }
}

const fn post(path: &'static str, name: &'static str, handler: fn() -> Route) -> ApiRoute {
    ApiRoute { method: Method::POST, path, name, handler }
}

const fn delete(path: &'static str, name: &'static str, handler: fn() -> Route) -> ApiRoute {
    ApiRoute { method: Method::DELETE, path, name, handler }
}

impl ApiRoute {
    fn route(&self) -> Route {
        let route = (self.handler)();
        if self.method == Method::GET {
            route.guard(guard::Any(guard::Get()).or(guard::Head()))
        } else {
            route.method(self.method.clone())
        }
    }
}

/// Gives the server its routes.
pub fn routes(config: &mut web::ServiceConfig) {
    for routes in ROUTES.chunk_by(|a, b| a.path == b.path) {
        config.service(resource(routes));
    }
    config.default_service(web::to(|| async { Err::<&str, _>(ApiError::NotFound) }));
}

/// A path with its routes; any other method is answered 405 with the methods that it takes.
fn resource(routes: &[ApiRoute]) -> Resource {
    let resource = routes.iter().map(ApiRoute::route).fold(web::resource(routes[0].path), Resource::route);
    let allow = allow(routes);
    if docsgpt::PATHS.contains(&routes[0].path) {
        return resource.default_service(web::to(move |request: HttpRequest| {
            let answer = docsgpt::other_method(&request, &allow);
            async { answer }
        }));
    }
    resource.default_service(web::to(move || {
        let allow = allow.clone();
        async move { Err::<&str, _>(ApiError::MethodNotAllowed { allow }) }
    }))
}

/// The methods of a path, as the header `Allow` has them.
fn allow(routes: &[ApiRoute]) -> String {
    let word =
        |route: &ApiRoute| if route.method == Method::GET { "GET, HEAD".into() } else { route.method.to_string() };
    routes.iter().map(word).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn routes_of_a_path_stand_together_and_names_are_their_own() {
        let of_paths: Vec<_> = ROUTES.chunk_by(|a, b| a.path == b.path).collect();
        let paths: HashSet<_> = ROUTES.iter().map(|route| route.path).collect();
        let names: HashSet<_> = ROUTES.iter().map(|route| route.name).collect();
        assert_eq!((of_paths.len(), ROUTES.len()), (paths.len(), names.len()));
    }

    #[test]
    fn a_path_allows_its_methods_in_the_order_of_the_table() {
        let batches: Vec<_> = ROUTES.chunk_by(|a, b| a.path == b.path).filter(|of| of[0].path == "/batches").collect();
        assert_eq!(batches.into_iter().map(allow).collect::<Vec<_>>(), ["GET, HEAD, POST"]);
    }
}
