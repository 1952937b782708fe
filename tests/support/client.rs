//! A well-behaved client: requests, answers, and what every error must look like.

use std::io::Read;

use serde_json::Value;
use ureq::http::{Request, Response};
use ureq::{Agent, Body, SendBody};

use super::server::Server;
use super::status::{Batch, FileStatus, List};
use super::{DEADLINE, Form, form, wait_for};

/// The seconds of one long poll; shorter than the longest that the server grants.
const WAIT_SECONDS: u64 = 20;

/// What came back, whatever the status.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// A header's value.
    pub fn header(&self, name: &str) -> &str {
        self.find_header(name).unwrap_or_else(|| panic!("the answer has {name}: {self:?}"))
    }

    pub fn find_header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("the body is UTF-8")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.lossy()))
    }

    /// The status of a batch that was taken with a 202.
    pub fn accepted(&self) -> Batch {
        assert_eq!(self.status, 202, "{}", self.lossy());
        Batch::of(&self.json())
    }

    /// Asserts that this is a problem (RFC 9457) with this status and code, and nothing that it should not say.
    pub fn assert_problem(&self, status: u16, code: &str) -> Value {
        let problem = self.json();
        assert_eq!((self.status, problem["code"].as_str()), (status, Some(code)), "{}", self.lossy());
        assert!(self.header("content-type").starts_with("application/problem+json"), "{self:?}");
        assert_eq!(problem["status"], status, "{problem}");
        assert_eq!(problem["request_id"], self.header("x-request-id"), "{problem}");
        for said in ["title", "detail"] {
            let text = problem[said].as_str().unwrap_or_else(|| panic!("a problem has a {said}: {problem}"));
            assert!(!text.is_empty(), "{problem}");
            // A media type has a slash too, and is no path.
            let without_types = text.replace("multipart/form-data", "").replace("application/json", "");
            assert!(!without_types.contains(['/', '\\']), "{problem}");
        }
        problem
    }

    pub fn lossy(&self) -> String {
        format!("{} {}", self.status, String::from_utf8_lossy(&self.body))
    }
}

/// An agent without a pool, so that no test meets a connection that a server has closed meanwhile.
pub fn agent() -> Agent {
    let config = Agent::config_builder().http_status_as_error(false).max_idle_connections(0);
    config.timeout_global(Some(DEADLINE)).max_redirects(0).proxy(None).build().into()
}

pub fn answer(response: Response<Body>) -> Answer {
    let (head, mut body) = response.into_parts();
    let value = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers = head.headers.iter().map(|(name, text)| (name.as_str().to_owned(), value(text.as_bytes())));
    let headers = headers.collect();
    let body = body.with_config().limit(u64::MAX).read_to_vec().expect("the body comes whole");
    Answer { status: head.status.as_u16(), headers, body }
}

/// What a client says that takes answers compressed.
pub const GZIP: (&str, &str) = ("accept-encoding", "gzip, deflate, br");

/// The body of an answer that is compressed.
pub fn gunzipped(answer: &Answer) -> Vec<u8> {
    let mut body = Vec::new();
    flate2::read::GzDecoder::new(&*answer.body).read_to_end(&mut body).expect("the body is gzip's");
    body
}

impl Server {
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.try_get(path).unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    /// A request that may find the server gone.
    pub fn try_get(&self, path: &str) -> Result<Answer, ureq::Error> {
        agent().get(self.url(path)).call().map(answer)
    }

    /// A request without a body and with these headers.
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = Request::builder().method(method).uri(self.url(path));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let request = request.body(()).expect("the request can be written");
        answer(agent().run(request).unwrap_or_else(|error| panic!("{method} {path}: {error}")))
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.try_delete(path).unwrap_or_else(|error| panic!("DELETE {path}: {error}"))
    }

    /// A response whose body is still to be read.
    pub fn get_reader(&self, path: &str) -> impl Read {
        let response = agent().get(self.url(path)).call().unwrap_or_else(|error| panic!("GET {path}: {error}"));
        assert_eq!(response.status().as_u16(), 200, "GET {path}");
        response.into_body().into_with_config().limit(u64::MAX).reader()
    }

    /// A removal that may find the server gone.
    pub fn try_delete(&self, path: &str) -> Result<Answer, ureq::Error> {
        agent().delete(self.url(path)).call().map(answer)
    }

    pub fn post(&self, form: Form) -> Answer {
        self.post_with(form, &[])
    }

    pub fn post_with(&self, form: Form, headers: &[(&str, &str)]) -> Answer {
        self.try_post_with(form, headers).unwrap_or_else(|error| panic!("POST /batches: {error}"))
    }

    /// An upload that may find the server gone.
    pub fn try_post(&self, form: Form) -> Result<Answer, ureq::Error> {
        self.try_post_with(form, &[])
    }

    /// An upload under an `Idempotency-Key` that may find the server gone.
    pub fn try_post_under(&self, form: Form, key: &str) -> Result<Answer, ureq::Error> {
        self.try_post_with(form, &[("idempotency-key", key)])
    }

    fn try_post_with(&self, form: Form, headers: &[(&str, &str)]) -> Result<Answer, ureq::Error> {
        let request = agent().post(self.url("/batches")).header("content-type", form::content_type());
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.send(&form.finish()[..]).map(answer)
    }

    /// A request to do something, which says all in its path.
    pub fn post_to(&self, path: &str) -> Answer {
        self.try_post_to(path).unwrap_or_else(|error| panic!("POST {path}: {error}"))
    }

    /// The same, of a server that may be gone.
    pub fn try_post_to(&self, path: &str) -> Result<Answer, ureq::Error> {
        agent().post(self.url(path)).send_empty().map(answer)
    }

    /// Sends a body that is JSON.
    pub fn post_json(&self, path: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
        let request = agent().post(self.url(path)).header("content-type", "application/json");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        answer(request.send(body).unwrap_or_else(|error| panic!("POST {path}: {error}")))
    }

    /// Uploads a body of a known length that is read while it is sent.
    pub fn post_stream(&self, length: u64, body: &mut dyn Read) -> Answer {
        let request = agent().post(self.url("/batches")).header("content-type", form::content_type());
        let request = request.header("content-length", length.to_string());
        answer(request.send(SendBody::from_reader(body)).expect("the upload is answered"))
    }

    /// Uploads files that the server must take.
    pub fn upload(&self, form: Form) -> Batch {
        self.post(form).accepted()
    }

    pub fn batch(&self, id: &str) -> Batch {
        Batch::of(&self.ok(&format!("/batches/{id}")).json())
    }

    /// The batch once nothing more will happen to it.
    pub fn completed(&self, id: &str) -> Batch {
        let path = format!("/batches/{id}?wait={WAIT_SECONDS}");
        wait_for("the end of a batch", || {
            let batch = Batch::of(&self.ok(&path).json());
            (batch.state == "completed").then_some(batch)
        })
    }

    /// Uploads files and waits for their end.
    pub fn process(&self, form: Form) -> Batch {
        let batch = self.upload(form);
        self.completed(&batch.id)
    }

    /// The answer to a request that must succeed.
    pub fn ok(&self, path: &str) -> Answer {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "GET {path}: {}", answer.lossy());
        answer
    }

    pub fn text(&self, file: &FileStatus) -> String {
        self.ok(&format!("{}/text", file.path())).text()
    }

    pub fn content(&self, file: &FileStatus) -> Answer {
        self.ok(&format!("{}/content", file.path()))
    }

    /// A page of the list of batches.
    pub fn list(&self, query: &str) -> List {
        serde_json::from_value(self.ok(&format!("/batches{query}")).json()).expect("a list of batches")
    }

    /// A link that the server gave, as a path.
    pub fn path_of(&self, link: &str) -> String {
        link.strip_prefix(&self.url("")).unwrap_or(link).to_owned()
    }
}
