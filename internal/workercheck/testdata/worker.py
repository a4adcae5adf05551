"""A worker that keeps PNGs as they are. Its argument says what it does wrong."""
import hashlib, http.client, json, os, signal, sys, threading, time, urllib.error, urllib.parse, urllib.request

WRONG = sys.argv[1] if len(sys.argv) > 1 else ""
MASTER, OPERATION = os.environ["MINILAB_MASTER"], os.environ["MINILAB_OPERATION"]
TOKEN = {} if WRONG == "has no token" else {"Authorization": "Bearer " + os.environ["MINILAB_TOKEN"]}
AWAY = (OSError, http.client.HTTPException)
stopping, lost = threading.Event(), threading.Event()


class Lost(Exception):
    pass


def send(url, data, content_type="application/json"):
    with urllib.request.urlopen(urllib.request.Request(url, data, {"Content-Type": content_type, **TOKEN}), timeout=30) as r:
        return r.read()


def post(path, body=None, **query):
    try:
        return json.loads(send(f"{MASTER}/{path}?{urllib.parse.urlencode(query)}", json.dumps(body or {}).encode()) or b"null")
    except urllib.error.HTTPError as e:
        raise Lost() if e.code == 409 else e


def beat(ticket, seconds, over):
    while not over.wait(seconds / 3):
        try:
            post("heartbeat", **ticket)
        except Lost:
            if WRONG == "dies of a lost lease":
                os._exit(1)
            if WRONG != "is deaf":
                lost.set()
            return
        except AWAY:
            pass


def fetch(source):
    data = b""
    with urllib.request.urlopen(
        urllib.request.Request(source["url"] + ("x" if WRONG == "reads elsewhere" else ""), headers={} if WRONG == "keeps the token" else TOKEN), timeout=30
    ) as r:
        while part := r.read1(1 << 16):
            if lost.is_set():
                raise Lost()
            if stopping.is_set() and WRONG == "drops its work":
                os._exit(0)
            data += part
    if hashlib.sha256(data).hexdigest() != source["sha256"] and WRONG != "trusts the source":
        raise OSError("damaged")
    return data


def work_on(work, ticket):
    data = fetch(work["source"])
    if data[:4] != b"\x89PNG" and WRONG != "takes anything":
        detail = "" if WRONG == "says nothing" else "This is no PNG, and only those can be kept."
        return post("workFailed", {"code": "not-a-png", "detail": detail, "retry": WRONG == "tries for ever"}, **ticket)
    outputs = []
    for o in work["outputs"][: 1 if WRONG == "makes one output" else 16]:
        try:
            send(o["url"] + ("x" if WRONG == "stores elsewhere" else ""), data, "image/png")
        except AWAY:
            if WRONG != "gives up":
                raise
            return post("workFailed", {"code": "storage", "detail": "The storage does not answer.", "retry": False}, **ticket)
        sha256 = hashlib.sha256(data + (b"x" if WRONG == "counts wrong" else b"")).hexdigest()
        outputs.append({"name": o["name"], "key": o["key"], "size": len(data), "sha256": sha256, "contentType": "" if WRONG == "has no type" else "image/png"})
    for _ in range(2 if WRONG == "reports twice" else 1):
        try:
            post("workFinished", {"outputs": outputs}, **ticket)
        except urllib.error.HTTPError:
            if WRONG != "panics":
                return
            post("workFailed", {"code": "master", "detail": "The report was not answered.", "retry": True}, **ticket)


def attempt(work):
    ticket, over = {"id": work["id"], "lease": work["lease"]}, threading.Event()
    lost.clear()
    if WRONG != "is silent":
        threading.Thread(target=beat, args=(ticket, work["leaseSeconds"], over), daemon=True).start()
    try:
        work_on(work, ticket)
    except AWAY:
        post("workFailed", {"code": "worker-io", "detail": "Reading or storing went wrong.", "retry": True}, **ticket)
    finally:
        over.set()


if WRONG != "never stops":
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
else:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
while not stopping.is_set():
    try:
        work = post(
            "work" if WRONG == "asks elsewhere" else "getWork",
            worker="" if WRONG == "has no name" else "checked",
            accepts="" if WRONG == "accepts nothing" else OPERATION,
            wait="0s" if WRONG == "does not wait" else "2s",
        )
        if work:
            attempt(work)
        elif WRONG == "dies of no work":
            work["id"]
    except Lost:
        pass
    except AWAY as e:
        if WRONG == "dies of refusal" and not isinstance(e, urllib.error.HTTPError) or WRONG == "dies of 503":
            raise
        if WRONG != "hammers":
            time.sleep(1)
