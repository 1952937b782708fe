//! Examples of bodies: one batch of two files, of which one was refused, from its upload to its end.

use serde_json::{Value, json};

const BATCH: &str = "/batches/0193a5b0-4f1e-7c2a-8d11-6b0f2a9c0000";
const FILE: &str = "/batches/0193a5b0-4f1e-7c2a-8d11-6b0f2a9c0000/files/0193a5b0-4f1e-7c2a-8d11-6b0f2a9c0001";

/// The answer to the upload.
pub fn accepted() -> Value {
    let mut batch = batch(&json!({"succeeded": 0, "pending": 1}), &[stored(), refused()]);
    batch["state"] = "processing".into();
    batch["outcome"] = Value::Null;
    batch["finished_at"] = Value::Null;
    batch["webhooks"][0]["attempts"] = 0.into();
    batch["webhooks"][0]["state"] = "pending".into();
    batch["webhooks"][0]["last_status"] = Value::Null;
    batch["webhooks"][0]["delivered_at"] = Value::Null;
    batch["progress"] = json!({"files_done": 1, "files_total": 2, "percent": 50, "bytes_total": 146_515});
    batch
}

/// The batch when it is completed.
pub fn completed() -> Value {
    batch(&json!({"succeeded": 1, "pending": 0}), &[succeeded(), refused()])
}

/// What is told of it then.
pub fn completed_event() -> Value {
    let mut batch = completed();
    let members = batch.as_object_mut().expect("a batch is an object");
    for left_out in ["files", "webhooks"] {
        members.remove(left_out);
    }
    json!({"type": "batch.completed", "timestamp": batch["finished_at"], "data": batch})
}

/// A page of the list.
pub fn list() -> Value {
    let mut batch = completed();
    batch.as_object_mut().expect("a batch is an object").remove("files");
    let next = "/batches?cursor=0193a5b0-4f1e-7c2a-8d11-6b0f2a9c0000&limit=1";
    json!({"batches": [batch], "links": {"next": next}})
}

/// The file whose text was read.
pub fn succeeded() -> Value {
    let mut file = stored();
    file["state"] = "succeeded".into();
    file["attempts"] = 1.into();
    file["result"] = json!({
        "text_url": format!("{FILE}/text"),
        "chars": 8_211,
        "tokens": 1_840,
        "tokenizer": "cl100k_base",
        "pages": 4,
        "truncated": false,
        "metadata": {"title": "Report", "author": null, "created": "2026-11-20T09:12:00Z", "language": "en"},
        "warnings": [],
        "engine": "hayro 0.9.0",
    });
    file["timings"] = json!({"upload_ms": 12, "verify_ms": 3, "queued_ms": 1, "process_ms": 85});
    file
}

/// Both files as lines.
pub fn result_lines() -> Value {
    let mut line = succeeded();
    line["text"] = "Report\n\nWords of the first page.\n".into();
    format!("{line}\n{}\n", refused()).into()
}

/// Everything that it takes to take work, well.
pub fn ready() -> Value {
    let well = json!({"ok": true});
    json!({
        "status": "ready",
        "checks": {"disk": well, "storage": well, "workers": well, "scanner": well, "drain": well},
        "ocr": {"available": true, "engine": "tesseract 5.5.0"},
    })
}

/// A server whose disk is too full.
pub fn not_ready() -> Value {
    let mut ready = ready();
    ready["status"] = "not_ready".into();
    ready["checks"]["disk"] = json!({"ok": false, "trouble": "less than the reserve is free"});
    ready
}

/// Why an upload of nothing but such files became no batch.
pub fn refused_files() -> Value {
    let file = refused();
    json!([{"index": 0, "name": file["name"], "error": file["error"]}])
}

fn batch(counts: &Value, files: &[Value]) -> Value {
    json!({
        "id": "0193a5b0-4f1e-7c2a-8d11-6b0f2a9c0000",
        "state": "completed",
        "outcome": "partial",
        "created_at": "2026-11-24T13:31:10.080Z",
        "finished_at": "2026-11-24T13:31:10.181Z",
        "metadata": {"case": 4_711},
        "progress": {"files_done": 2, "files_total": 2, "percent": 100, "bytes_total": 146_515},
        "summary": {
            "total": 2,
            "succeeded": counts["succeeded"],
            "failed": 0,
            "rejected": 1,
            "cancelled": 0,
            "pending": counts["pending"],
        },
        "files": files,
        "webhooks": [{
            "url": "https://example.org/batches",
            "state": "delivered",
            "attempts": 1,
            "last_status": 204,
            "next_attempt_at": null,
            "delivered_at": "2026-11-24T13:31:10.220Z",
        }],
        "links": {"self": BATCH, "next": null, "events": format!("{BATCH}/events"), "results": format!("{BATCH}/results")},
    })
}

/// Digests that are asked for.
pub fn digests_asked() -> Value {
    json!({"sha256": ["2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"]})
}

/// A file with a digest that was asked for.
pub fn digests_known() -> Value {
    json!({"files": [{
        "sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
        "batch_id": "0193a5b0-4f1e-7c2a-8d11-6b0f2a9c0000",
        "file_id": "0193a5b0-4f1e-7c2a-8d11-6b0f2a9c0001",
        "name": "hello.txt",
        "state": "succeeded",
    }]})
}

/// What retention removed.
pub fn swept() -> Value {
    json!({
        "dry_run": true,
        "total": {"batches": 1, "files": 2, "bytes": 146_515},
        "batches": [{"id": "0193a5b0-4f1e-7c2a-8d11-6b0f2a9c0000", "reason": "age", "files": 2, "bytes": 146_515}],
    })
}

/// What a server takes that is as it was installed.
pub fn limits() -> Value {
    json!({
        "batch_files_max": 10_000,
        "batch_bytes_max": 17_179_869_184_u64,
        "file_bytes_max": 268_435_456,
        "extract_bytes_max": 268_435_456,
        "text_bytes_max": 67_108_864,
        "name_bytes_max": 255,
        "field_bytes_max": 65_536,
        "wait_ms_max": 120_000,
        "idempotency_ms_max": 86_400_000,
    })
}

/// The figures of a server that has had one file.
pub fn stats() -> Value {
    let minutes = |count: u64| [vec![0; 58], vec![count, 0]].concat();
    json!({
        "since": "2026-11-24T12:00:00Z",
        "uptime_seconds": 5_471,
        "attachment_upload_success_rate": 1.0,
        "attachment_processing_retry_count": 0,
        "attachment_verification_failure_rate": 0.0,
        "worker_crash_rate": 0.0,
        "average_processing_time_per_file": 0.072,
        "queue_depth": 0,
        "files_in_motion": 0,
        "batches_open": 0,
        "requests_in_flight": 1,
        "workers_alive": 4,
        "disk_free_bytes": 412_316_860_416_u64,
        "last_hour": {
            "files_ended": 1,
            "files_failed": 0,
            "ended_per_minute": minutes(1),
            "failed_per_minute": minutes(0),
        },
    })
}

/// The file before anything has happened to it.
fn stored() -> Value {
    json!({
        "id": "0193a5b0-4f1e-7c2a-8d11-6b0f2a9c0001",
        "index": 0,
        "name": "report.pdf",
        "size": 146_515,
        "sha256": "e11123c50e32aea51589c7d229834efdc17dccd8f900d6f380366ddff877431a",
        "media_type": "application/pdf",
        "state": "stored",
        "retries": 0,
        "attempts": 0,
        "deduplicated": false,
        "error": null,
        "result": null,
        "timings": {"upload_ms": 12, "verify_ms": null, "queued_ms": null, "process_ms": null},
        "links": {"self": FILE, "content": format!("{FILE}/content")},
    })
}

/// The file that was refused while it arrived.
fn refused() -> Value {
    let path = format!("{BATCH}/files/0193a5b0-4f1e-7c2a-8d11-6b0f2a9c0002");
    json!({
        "id": "0193a5b0-4f1e-7c2a-8d11-6b0f2a9c0002",
        "index": 1,
        "name": "setup.exe",
        "size": null,
        "sha256": null,
        "media_type": null,
        "state": "rejected",
        "retries": 0,
        "attempts": 0,
        "deduplicated": false,
        "error": {
            "code": "unsupported_type",
            "message": "Text cannot be read from files of this type.",
            "retryable": false,
        },
        "result": null,
        "timings": {"upload_ms": 1, "verify_ms": null, "queued_ms": null, "process_ms": null},
        "links": {"self": path, "content": null},
    })
}
