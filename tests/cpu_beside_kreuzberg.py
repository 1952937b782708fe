#!/usr/bin/env python3
"""CPU time of Consign beside kreuzberg's Python API, on the same real files, without OCR.

Both read the good files of the collection, all but pictures and scans, with two readers at once. They take turns, and
the medians are shown. What is counted is the user and system time of all processes of a side, from their first
instruction to their last; what of it goes into the start alone is shown too.

- kreuzberg: one Python that gives all files to its batch call, which reads two at once. That is its cheapest way to
  keep two cores busy: two processes with a call for each file cost it more, and Markdown far more than the plain text
  that is its default.
- Consign: a server on an empty directory with two children, from its start to its end. Its share holds what kreuzberg
  does not do: HTTP, digests, the sync of every file and outcome to the disk, the watch over children, Markdown, exact
  tokens. The client's time is not in it.

Needs Linux, Python 3 with venv, and pip's registry the first time. Exit code 1: Consign took more.
"""

import argparse
import collections
import ctypes
import http.client
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

KREUZBERG_VERSION = "4.10.4"
WORKERS = 2
REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
BOUNDARY = "consign-beside-kreuzberg-8d41b7"

# Folders of files that one side or the other would send to OCR.
OCR_FOLDERS = {"image", "pdf-scan"}

# Files that kreuzberg is to read as plain text.
CODE_FOLDER = "code"

# How long a server may take to come up, and how long a batch may take.
SECONDS_MAX = 300


class Run(collections.namedtuple("Run", "cpu start_cpu wall failed")):
    """One reading of all files: CPU seconds in all and for the start, wall seconds of the reading, failed files."""


def main():
    options = options_of(sys.argv[1:])
    files = good_files(options.corpus)
    adopt_orphans()
    # On the disk where builds lie: a temporary directory in memory would sync for nothing.
    target = REPOSITORY / "target"
    target.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target) as scratch:
        sides = {
            "Consign": lambda files: run_consign(options.binary, files, scratch),
            "kreuzberg": lambda files: run_kreuzberg(options, files, scratch),
        }
        print(f"load before: {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores", flush=True)
        runs = take_turns(sides, files, options.rounds)
        ratio = show(f"all {len(files)} files", runs)
        failed = show_failed(runs, options.corpus)
        if failed and not options.all_only:
            # A file that fails early is cheap, so the side that fails more would look better than it is.
            both = [file for file in files if file not in failed]
            show(f"the {len(both)} files that both read", take_turns(sides, both, options.rounds))
        print(f"load after: {os.getloadavg()[0]:.2f}")
    return 0 if ratio <= 1 else 1


def options_of(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    corpus = os.environ.get("CONSIGN_CORPUS", REPOSITORY / "../shared/corpus")
    parser.add_argument("--corpus", type=pathlib.Path, default=corpus, help="the collection of real files")
    binary = REPOSITORY / "target/release/consign"
    parser.add_argument("--binary", type=pathlib.Path, default=binary, help="the release build of Consign")
    venv = REPOSITORY / "target/kreuzberg"
    parser.add_argument("--venv", type=pathlib.Path, default=venv, help="where kreuzberg is, or is installed")
    parser.add_argument("--rounds", type=int, default=5, help="how often each side reads all files")
    parser.add_argument("--markdown", action="store_true", help="kreuzberg writes Markdown, as Consign does")
    parser.add_argument("--all-only", action="store_true", help="do not repeat it with the files that both read")
    options = parser.parse_args(arguments)
    if not options.binary.is_file():
        parser.error(f"there is no {options.binary}; make it with: make release")
    if not (options.corpus / "good").is_dir():
        parser.error(f"there are no real files in {options.corpus}; CONSIGN_CORPUS may name their directory")
    return options


def good_files(corpus):
    """The paths of all files that neither side needs OCR for, in a fixed order."""
    files = (file for file in (corpus / "good").glob("*/*") if file.parent.name not in OCR_FOLDERS)
    return sorted(str(file.resolve()) for file in files)


def take_turns(sides, files, rounds):
    """The runs of each side; who begins changes from round to round."""
    runs = {name: [] for name in sides}
    for number in range(rounds):
        order = list(sides) if number % 2 == 0 else list(sides)[::-1]
        for name in order:
            runs[name].append(sides[name](files))
    return runs


# -- what is shown


def show(title, runs):
    """Shows a table of medians; says how many times kreuzberg's CPU time Consign took."""
    consign, kreuzberg = (runs[name] for name in ("Consign", "kreuzberg"))
    print(f"\n{title}, median of {len(consign)}  Consign  kreuzberg  ratio   (least-most of each)")
    value = {
        "CPU s, everything": lambda run: run.cpu,
        "CPU s, start alone": lambda run: run.start_cpu,
        "CPU s without the start": lambda run: run.cpu - run.start_cpu,
        "wall s without the start": lambda run: run.wall,
        "cores busy meanwhile": lambda run: (run.cpu - run.start_cpu) / run.wall,
    }
    width = len(title) + len(", median of ") + len(str(len(consign)))
    for name, of in value.items():
        ours, theirs = ([of(run) for run in side] for side in (consign, kreuzberg))
        our, their = statistics.median(ours), statistics.median(theirs)
        spread = "  ".join(f"{min(side):.2f}-{max(side):.2f}" for side in (ours, theirs))
        print(f"{name:<{width}}  {our:7.2f}  {their:9.2f}  {our / their:5.2f}   ({spread})")
    print(f"{'files failed':<{width}}  {len(consign[-1].failed):7}  {len(kreuzberg[-1].failed):9}", flush=True)
    return statistics.median(run.cpu for run in consign) / statistics.median(run.cpu for run in kreuzberg)


def show_failed(runs, corpus):
    """Names the files that a side could not read; returns them all."""
    everything = {}
    for name, side in runs.items():
        for file, why in side[-1].failed.items():
            everything[file] = why
            shown = os.path.relpath(file, corpus.resolve() / "good")
            print(f"{name} failed on {shown}: {' '.join(why.split())[:100]}")
    return everything


def require(holds, what):
    if not holds:
        raise RuntimeError(what)


# -- Consign


def run_consign(binary, files, scratch):
    """A server's whole life: start, one batch of all files, end."""
    form = multipart(files)
    with tempfile.TemporaryDirectory(dir=scratch) as data:
        # Settings of whoever runs this are no settings of this server.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CONSIGN_")}
        environment |= {"CONSIGN_EXTRACT_RECOGNISED_MAX": "0", "CONSIGN_WORKER_PROCESSES": str(WORKERS)}
        command = [str(binary.resolve()), "serve", "--listen", "127.0.0.1:0", "--data-dir", f"{data}/data"]
        with open(f"{data}/log", "wb") as log:
            server = subprocess.Popen(command, cwd=data, env=environment, stdout=subprocess.PIPE, stderr=log)
        try:
            address = server.stdout.readline().decode().strip().removeprefix("listening on http://")
            ready = wait_until_ready(address)
            require(not ready["ocr"]["available"], "the server found an engine for OCR")
            start_cpu = settled_cpu(server.pid)
            began = time.monotonic()
            batch = ask(address, "POST", f"/batches?wait={SECONDS_MAX // 3}", form)
            while batch["state"] != "completed":
                batch = ask(address, "GET", f"/batches/{batch['id']}?wait={SECONDS_MAX // 3}&limit=1000")
                require(time.monotonic() - began < SECONDS_MAX, "the batch does not end")
            wall = time.monotonic() - began
            seen = tree_cpu(server.pid)
            states = file_states(address, batch["id"])
            server.send_signal(signal.SIGTERM)
            cpu = ended_cpu(server, log.name)
        finally:
            if server.returncode is None:
                server.kill()
                server.wait()
    # What the kernel says of those that run must be in what it says of those that ended.
    require(cpu >= seen - 0.05, f"{cpu} s at the end, but {seen} s while it ran")
    failed = {files[state["index"]]: state["error"]["code"] for state in states if state["state"] != "succeeded"}
    return Run(cpu, start_cpu, wall, failed)


def multipart(files):
    """One form with all files, each under its own name."""
    parts = []
    for file in files:
        name = os.path.basename(file)
        require(name.isprintable() and not set(name) & set('"\\'), f"{name} needs quoting")
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
        parts += [head.encode(), pathlib.Path(file).read_bytes(), b"\r\n"]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def ask(address, method, path, form=None):
    """The answer to a request that must succeed."""
    connection = http.client.HTTPConnection(address, timeout=SECONDS_MAX)
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"} if form else {}
    connection.request(method, path, form, headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    require(answer.status in (200, 202), f"{method} {path}: {answer.status} {body[:500]}")
    return json.loads(body)


def wait_until_ready(address):
    """What the server says of itself as soon as it can take work."""
    began = time.monotonic()
    while True:
        try:
            return ask(address, "GET", "/readyz")
        except RuntimeError:
            require(time.monotonic() - began < 30, "the server does not become ready")
            time.sleep(0.05)


def file_states(address, batch):
    """The status of every file, page by page."""
    states, after = [], ""
    while True:
        page = ask(address, "GET", f"/batches/{batch}?limit=1000{after}")
        states += page["files"]
        if not page["links"]["next"]:
            return states
        after = f"&after={states[-1]['index']}"


def settled_cpu(pid):
    """The CPU seconds of a server that has come to rest after its start."""
    last = -1.0
    while (now := tree_cpu(pid)) != last:
        last = now
        time.sleep(0.3)
    return now


def tree_cpu(pid):
    """The CPU seconds of a process, of its children that have ended, and of those that run."""
    parents = collections.defaultdict(list)
    cpu = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text()
        except OSError:
            continue  # It ended while we looked.
        # The command's name is in parentheses and may hold spaces; the fields after it are counted from the state.
        fields = stat[stat.rindex(")") + 2 :].split()
        parents[int(fields[1])].append(int(folder.name))
        cpu[int(folder.name)] = sum(map(int, fields[11:15])) / TICKS_PER_SECOND
    return sum_below(pid, parents, cpu)


def sum_below(pid, parents, cpu):
    return cpu.get(pid, 0.0) + sum(sum_below(child, parents, cpu) for child in parents[pid])


def ended_cpu(process, log):
    """The CPU seconds of a process and of all that it started, once they have ended and it has ended well."""
    ended = {}
    while True:
        try:
            pid, status, usage = os.wait4(-1, 0)
        except ChildProcessError:
            break
        # The usage holds that of the children which the process itself has waited for.
        ended[pid] = (os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime)
    process.returncode = ended[process.pid][0]
    says = "" if process.returncode == 0 else pathlib.Path(log).read_text(errors="replace")[-2000:]
    require(process.returncode == 0, f"{process.args[0]} ended with {process.returncode}; {says}")
    return sum(cpu for _, cpu in ended.values())


def adopt_orphans():
    """Makes this process the parent of children whose parent ends before it has waited for them.

    A server that ends leaves its own so, and what they used would be counted nowhere.
    """
    pr_set_child_subreaper = 36
    if ctypes.CDLL(None, use_errno=True).prctl(pr_set_child_subreaper, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "this process cannot adopt orphans")


# -- kreuzberg


def run_kreuzberg(options, files, scratch):
    """This script once more, in kreuzberg's Python, from the interpreter's start to its end."""
    python = kreuzberg_python(options.venv)
    work = {"files": files, "markdown": options.markdown}
    with tempfile.TemporaryDirectory(dir=scratch) as home:
        # Whatever it caches, the next run does not find it.
        environment = os.environ | {"HOME": home, "XDG_CACHE_HOME": home, "TMPDIR": home}
        pathlib.Path(home, "work.json").write_text(json.dumps(work))
        command = [python, os.path.abspath(__file__), "--in-kreuzberg"]
        with open(f"{home}/log", "wb") as log:
            process = subprocess.Popen(command, cwd=home, env=environment, stdout=log, stderr=log)
        cpu = ended_cpu(process, log.name)
        report = json.loads(pathlib.Path(home, "report.json").read_text())
    return Run(cpu, report["start_cpu"], report["wall"], report["failed"])


def kreuzberg_python(venv):
    """The Python of a virtual environment with the pinned kreuzberg, which is made where there is none."""
    python = venv.resolve() / "bin/python"
    version = [python, "-c", "import importlib.metadata as m; print(m.version('kreuzberg'))"]
    installed = python.exists() and subprocess.run(version, capture_output=True, text=True).stdout.strip()
    if installed != KREUZBERG_VERSION:
        print(f"installing kreuzberg {KREUZBERG_VERSION} into {venv}", flush=True)
        shutil.rmtree(venv, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", f"kreuzberg=={KREUZBERG_VERSION}"], check=True)
    return str(python)


def in_kreuzberg():
    """What runs in kreuzberg's Python: reads the files that are named, and leaves a report beside them."""
    import kreuzberg

    start_cpu = time.process_time()
    work = json.loads(pathlib.Path("work.json").read_text())
    # By default it would send pages without text to OCR, and keep what it has read for the next time.
    config = kreuzberg.ExtractionConfig(
        disable_ocr=True,
        use_cache=False,
        max_concurrent_extractions=WORKERS,
        output_format="markdown" if work["markdown"] else "plain",
    )
    began = time.monotonic()
    results = kreuzberg.batch_extract_files_sync([under_name_to_read(file) for file in work["files"]], config)
    wall = time.monotonic() - began
    # The batch call tells of a file that failed only by what it gives as its text.
    pairs = zip(work["files"], results, strict=True)
    failed = {file: result.content for file, result in pairs if result.content.startswith("Error: ")}
    report = {"start_cpu": start_cpu, "wall": wall, "failed": failed}
    pathlib.Path("report.json").write_text(json.dumps(report))


def under_name_to_read(file):
    """The file itself or a link to it. Names of program code would make kreuzberg download parsers for it first."""
    if pathlib.Path(file).parent.name != CODE_FOLDER:
        return file
    link = pathlib.Path(os.path.basename(file) + ".txt").absolute()
    link.symlink_to(file)
    return str(link)


if __name__ == "__main__":
    if sys.argv[1:] == ["--in-kreuzberg"]:
        in_kreuzberg()
    else:
        sys.exit(main())
