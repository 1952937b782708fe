//! Clients that ask before they send a body (`Expect: 100-continue`, RFC 9110, section 10.1.1). They are told to go on when
//! their handler begins to read; who is refused before has sent nothing, and reads the refusal alone.
//!
//! actix-http has two services for it: one lets a request in, whereupon 100 is sent, and the next answers it. Here the
//! first begins the answer with a body that says when it is wanted, and the next goes on with what was begun. So there is
//! one way through the application, and nothing is checked or counted twice.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_http::error::PayloadError;
use actix_http::{HttpMessage, Payload, Request, Response};
use actix_service::boxed::{BoxServiceFactory, factory};
use actix_service::{Service, apply_fn_factory};
use actix_web::body::BoxBody;
use bytes::Bytes;
use futures_util::Stream;
use futures_util::future::LocalBoxFuture;
use tokio::sync::oneshot;

/// What answers requests.
pub type Answering = BoxServiceFactory<(), Request, Response<BoxBody>, Response<BoxBody>, ()>;

/// What lets requests in that ask.
pub type Letting = BoxServiceFactory<(), Request, Request, Response<BoxBody>, ()>;

/// An answer that was begun. It travels in a request that stands for the one that it answers.
struct Begun(LocalBoxFuture<'static, Result<Response<BoxBody>, Response<BoxBody>>>);

/// Lets requests in as soon as the application wants their bodies.
pub fn letting(application: Answering) -> Letting {
    factory(apply_fn_factory(application, |mut request: Request, application: &_| {
        let (wanting, wanted) = oneshot::channel();
        let awaited = Awaited { payload: request.take_payload(), wanting: Some(wanting) };
        *request.payload() = Payload::Stream { payload: Box::pin(awaited) };
        let_in(begin(application, request), wanted)
    }))
}

/// Answers requests as the application does, and goes on with those that were let in.
pub fn going_on(application: Answering) -> Answering {
    factory(apply_fn_factory(application, |request: Request, application: &_| {
        let begun = request.extensions_mut().remove::<Begun>();
        let Begun(answer) = begun.unwrap_or_else(|| begin(application, request));
        answer
    }))
}

/// The request that stands for one whose body is wanted; or the answer of one whose body nobody wants.
async fn let_in(begun: Begun, wanted: oneshot::Receiver<()>) -> Result<Request, Response<BoxBody>> {
    let Begun(mut answer) = begun;
    tokio::select! {
        // What is answered is answered, even where its body was begun: it had come without being asked for.
        biased;
        answered = &mut answer => Err(answered.unwrap_or_else(|failed| failed)),
        Ok(()) = wanted => {
            let request = Request::new();
            request.extensions_mut().insert(Begun(answer));
            Ok(request)
        }
    }
}

fn begin<S>(application: &S, request: Request) -> Begun
where
    S: Service<Request, Response = Response<BoxBody>, Error = Response<BoxBody>, Future: 'static>,
{
    Begun(Box::pin(application.call(request)))
}

/// A body that says when somebody begins to read it.
struct Awaited {
    payload: Payload,
    wanting: Option<oneshot::Sender<()>>,
}

impl Stream for Awaited {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(wanting) = self.wanting.take() {
            // Nobody hears it when the request has been let go, and then nobody reads either.
            let _: Result<(), ()> = wanting.send(());
        }
        Pin::new(&mut self.payload).poll_next(context)
    }
}
