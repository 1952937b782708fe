//! The deliverer: takes what is due from the job log, has it called, and writes down what came of it.
//!
//! Nothing waits for it. A call that the end of the server cuts short was not written down, so the next start makes it
//! again; a batch that is removed takes its deliveries with it, and the outcome of a call for it is dropped.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::client::{Answer, Client, NoAnswer, Request};
use super::schedule::{Result as TryResult, Schedule};
use super::url::WebhookUrl;
use crate::batch::BatchId;
use crate::custody::{BatchStatus, Custody, CustodyError};
use crate::joblog::{Change, Delivery, DeliveryState, JobLogError, Tried};
use crate::metrics::ResultLabels;

/// Batches that one look takes up: a millisecond of reading. The next look goes on behind them, so that those of a receiver
/// that is away hold up nobody else's.
const LOOKED_AT_MAX: usize = 256;
/// Between two looks, at least: a busy server completes thousands of batches in a second.
const LOOK_EVERY_MIN: Duration = Duration::from_millis(20);
/// After this a call that was given up may have ended, and made room.
const ROOM_EVERY: Duration = Duration::from_secs(1);
/// Calls of one receiver at the same time: one that is slow leaves the others theirs.
const CALLS_OF_HOST_MAX: usize = 2;
/// The longest sleep, after which the clock may have been set, or what could not be read be there again.
const SLEEP_MAX: Duration = Duration::from_mins(1);

/// Makes the body of the news that a batch is completed.
pub type Render = fn(BatchStatus, i64) -> Vec<u8>;

/// How deliveries are made.
pub struct DelivererOptions {
    pub client: Client,
    pub schedule: Schedule,
    /// Calls at the same time.
    pub deliveries_max: usize,
    pub render: Render,
}

/// Makes deliveries for as long as it is run.
pub struct Deliverer {
    custody: Arc<Custody>,
    client: Arc<Client>,
    schedule: Schedule,
    render: Render,
    calls: Arc<Semaphore>,
    /// Behind what the next look begins; none for the first that is due.
    looked_at: Option<(i64, BatchId)>,
    under_way: HashSet<Call>,
    answers: JoinSet<(Call, Result<Answer, NoAnswer>)>,
}

/// A delivery that is being tried.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Call {
    batch: BatchId,
    completion: u32,
    url: String,
    host: String,
}

impl Deliverer {
    /// A deliverer of what the job log of `custody` has to be told.
    #[must_use]
    pub fn new(custody: Arc<Custody>, options: DelivererOptions) -> Self {
        let DelivererOptions { client, schedule, deliveries_max, render } = options;
        let (client, calls) = (Arc::new(client), Arc::new(Semaphore::new(deliveries_max)));
        let (looked_at, under_way, answers) = Default::default();
        Self { custody, client, schedule, render, calls, looked_at, under_way, answers }
    }

    /// Delivers until the job log takes no more changes.
    pub async fn run(mut self) {
        loop {
            let wait = match self.start_due() {
                Ok(wait) => wait,
                Err(error) => {
                    log::error!("webhooks wait until the job log can be read: {error}");
                    SLEEP_MAX
                }
            };
            let answered = tokio::select! {
                () = self.custody.joblog.has_news() => {
                    sleep(LOOK_EVERY_MIN).await;
                    continue;
                }
                () = sleep(wait) => continue,
                Some(answered) = self.answers.join_next() => answered,
            };
            let mut changes = Vec::new();
            let mut next = Some(answered);
            while let Some(answered) = next {
                if let Ok((call, answer)) = answered {
                    self.under_way.remove(&call);
                    changes.extend(self.judge(call, &answer));
                }
                next = self.answers.try_join_next();
            }
            if let Err(error) = self.custody.joblog.commit(changes).await {
                return log::error!("webhooks wait for the next start: {error}");
            }
        }
    }

    /// Begins what is due, as far as there is room, and says after how long to look again, unless a call ends before.
    fn start_due(&mut self) -> Result<Duration, JobLogError> {
        let now_ms = Timestamp::now().as_millisecond();
        let page = self.custody.joblog.batches_to_tell(self.looked_at, LOOKED_AT_MAX)?;
        let is_last = page.len() < LOOKED_AT_MAX;
        for (due_ms, batch) in page {
            if due_ms > now_ms {
                self.looked_at = None;
                let wait = Duration::from_millis(u64::try_from(due_ms - now_ms).unwrap_or(0));
                return Ok(wait.min(SLEEP_MAX));
            }
            match self.start_batch(batch, now_ms) {
                Ok(true) => {}
                Ok(false) => return Ok(ROOM_EVERY),
                // It must not hold up the others.
                Err(error) => log::error!("batch {batch}: its webhooks wait until it can be read: {error}"),
            }
            self.looked_at = Some((due_ms, batch));
        }
        if is_last {
            self.looked_at = None;
        }
        Ok(if is_last { SLEEP_MAX } else { LOOK_EVERY_MIN })
    }

    /// Begins what is due of a batch, and says whether there was room for all of it.
    fn start_batch(&mut self, batch: BatchId, now_ms: i64) -> Result<bool, CustodyError> {
        let Some(record) = self.custody.joblog.batch(batch)? else { return Ok(true) };
        let is_due = |delivery: &Delivery| delivery.due_ms().is_some_and(|at| at <= now_ms);
        for delivery in record.webhooks.deliveries.into_iter().filter(is_due) {
            let Ok(permit) = Arc::clone(&self.calls).try_acquire_owned() else { return Ok(false) };
            self.start(batch, delivery, permit)?;
        }
        Ok(true)
    }

    /// Has a receiver called, unless that is being done, or enough calls of it are.
    fn start(&mut self, batch: BatchId, delivery: Delivery, permit: OwnedSemaphorePermit) -> Result<(), CustodyError> {
        let Delivery { url, completion, tally, finished_ms, .. } = delivery;
        let Some(parsed) = WebhookUrl::parse(&url) else { return Ok(()) };
        let call = Call { batch, completion, url, host: parsed.host().to_owned() };
        let of_host = self.under_way.iter().filter(|other| other.host == call.host).count();
        if of_host >= CALLS_OF_HOST_MAX || self.under_way.contains(&call) {
            return Ok(());
        }
        let Some(mut told) = self.custody.batch(batch)? else { return Ok(()) };
        self.under_way.insert(call.clone());
        told.record.tally = tally;
        told.record.finished_ms = Some(finished_ms);
        let body = (self.render)(told, finished_ms);
        let request = Request { url: parsed, id: format!("{batch}-{completion}"), body };
        let client = Arc::clone(&self.client);
        self.answers.spawn(async move {
            let answer = answer(client, request, permit).await;
            (call, answer)
        });
        Ok(())
    }

    /// What to write down of a try.
    fn judge(&self, call: Call, answer: &Result<Answer, NoAnswer>) -> Option<Change> {
        let Call { batch, completion, url, host } = call;
        let deliveries = self.custody.joblog.batch(batch).ok()??.webhooks.deliveries;
        let delivery = deliveries.iter().find(|known| (known.completion, &known.url) == (completion, &url))?;
        let state = self.schedule.next(delivery, answer, Timestamp::now().as_millisecond(), rand::random());
        let result = TryResult::of(state);
        self.custody.metrics.webhook_deliveries.get_or_create(&ResultLabels { result: result.to_string() }).inc();
        let tries = delivery.tries + 1;
        let came = answer.as_ref().map_or_else(ToString::to_string, |answer| format!("status {}", answer.status));
        match state {
            DeliveryState::Delivered { .. } => {
                log::info!("batch {batch}: told {host} that it is completed, try {tries}");
            }
            DeliveryState::Pending { next_ms } => {
                let seconds = (next_ms - Timestamp::now().as_millisecond()).max(0) / 1000;
                log::warn!("batch {batch}: {host} was not told, try {tries}, and is in {seconds} s: {came}");
            }
            DeliveryState::Failed => log::error!("batch {batch}: {host} is given up after {tries} tries: {came}"),
        }
        let status = answer.as_ref().ok().map(|answer| answer.status);
        Some(Change::Tried { batch, tried: Tried { url, completion, status, state } })
    }
}

/// Calls on a thread that nobody waits for longer than a call may take: looking up a name cannot be broken off. The thread
/// keeps its permit until it is through.
async fn answer(client: Arc<Client>, request: Request, permit: OwnedSemaphorePermit) -> Result<Answer, NoAnswer> {
    let (answer, answered) = oneshot::channel();
    let limit = client.timeout();
    let call = move || {
        let answered = client.call(&request);
        drop(permit);
        // Whoever asked may have given up.
        let _ = answer.send(answered);
    };
    if let Err(error) = std::thread::Builder::new().name("webhook".into()).spawn(call) {
        return Err(NoAnswer::Failed(error.to_string()));
    }
    match timeout(limit, answered).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(NoAnswer::Failed("the call broke off".to_owned())),
        Err(_) => Err(NoAnswer::Timeout),
    }
}
