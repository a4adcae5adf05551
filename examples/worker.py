#!/usr/bin/env python3
"""A minilab worker in Python's standard library: it solarizes PNGs. README.md says how to run it, docs/worker-protocol.md why it is so."""
import hashlib, http.client, json, os, signal, struct, threading, time, urllib.error, urllib.parse, urllib.request, zlib

MASTER = os.environ.get("MINILAB_MASTER", "http://127.0.0.1:8084")
TOKEN = {"Authorization": "Bearer " + os.environ["MINILAB_TOKEN"]} if os.environ.get("MINILAB_TOKEN") else {}  # of a lab with a secret
AWAY = (OSError, http.client.HTTPException)  # the master or the storage is away, or says that it cannot just now
stopping, lost = threading.Event(), threading.Event()
class BadImage(Exception): "The image is to blame: a code and a sentence."
class Lost(Exception): "The task is another's now, or nobody's."
class Stopped(Exception): "Somebody wants this process to end."

def send(url, data, content_type):
    with urllib.request.urlopen(urllib.request.Request(url, data, {"Content-Type": content_type, **TOKEN}), timeout=60) as r: return r.read()
def post(path, body=None, **query):
    try: return json.loads(send(f"{MASTER}/{path}?{urllib.parse.urlencode(query)}", json.dumps(body or {}).encode(), "application/json") or b"null")
    except urllib.error.HTTPError as e: raise Lost() if e.code == 409 else e

def alive():
    if lost.is_set(): raise Lost()
    if stopping.is_set(): raise Stopped()
def heartbeats(ticket, lease, over):
    last = time.monotonic()
    while not over.wait(lease / 3):
        try: post("heartbeat", **ticket); last = time.monotonic()
        except Lost: return lost.set()
        except AWAY:
            if time.monotonic() - last > 0.8 * lease: return lost.set()

def fetch(source):
    data = b""
    with urllib.request.urlopen(urllib.request.Request(source["url"], headers=TOKEN), timeout=30) as r:
        while part := r.read1(1 << 20):
            alive()
            data += part
    if hashlib.sha256(data).hexdigest() != source["sha256"]: raise OSError("the source was damaged on its way")
    return data
def chunk(kind, body): return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
def solarize(png, threshold):
    if png[:8] != b"\x89PNG\r\n\x1a\n": raise BadImage("not-a-png", "The image is no PNG, and only those can be solarized.")
    chunks, at = {}, 8
    try:
        while at < len(png):  # chunks of a kind are put together; only IDAT has several
            size, kind = struct.unpack(">I4s", png[at:at + 8])
            if png[at:at + 12 + size] != chunk(kind, png[at + 8:at + 8 + size]): raise ValueError("a checksum is wrong")
            chunks[kind] = chunks.get(kind, b"") + png[at + 8:at + 8 + size]
            at += 12 + size
        width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
        if depth != 8 or colour == 3 or interlaced or width * height > 1e8:
            raise BadImage("unsupported", "Only PNGs of 8 bits a channel, not interlaced, of at most 100 million pixels can be solarized.")
        idat = zlib.compress(rows(chunks[b"IDAT"], width, height, {0: 1, 2: 3, 4: 2, 6: 4}[colour], threshold))
    except (struct.error, zlib.error, ValueError, KeyError) as e: raise BadImage("broken-image", f"The PNG is broken: {e}.") from e
    return png[:8] + chunk(b"IHDR", chunks[b"IHDR"]) + chunk(b"IDAT", idat) + chunk(b"IEND", b"")

def rows(packed, width, height, n, threshold):
    table, stride = bytes(v if v < threshold else 255 - v for v in range(256)), width * n
    raw, up, out = zlib.decompressobj().decompress(packed, (stride + 1) * height), bytes(stride), []
    for y in range(height):
        alive()
        way, *row = raw[y * (stride + 1):(y + 1) * (stride + 1)] or [0]
        if len(row) < stride or way > 4: raise ValueError("it ends too early")
        for i in range(stride if way else 0):  # undo the filter of the row
            a, b, c = (row[i - n], up[i], up[i - n]) if i >= n else (0, up[i], 0)
            near = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
            row[i] = (row[i] + (0, a, b, (a + b) // 2, near)[way]) & 255
        up, shown = row, bytearray(bytes(row).translate(table))
        if n % 2 == 0: shown[n - 1::n] = row[n - 1::n]  # alpha stays as it is
        out += [b"\0", shown]
    return b"".join(out)

def results(work):
    source, outputs = fetch(work["source"]), []
    for o in work["outputs"]:
        data = source
        for step in work["pipeline"] + o.get("pipeline", []): data = solarize(data, step["threshold"])
        alive()
        send(o["url"], data, "image/png")
        outputs.append({"name": o["name"], "key": o["key"], "size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "contentType": "image/png"})
    return outputs
def work_on(work, over):
    ticket = {"id": work["id"], "lease": work["lease"]}
    lost.clear()
    threading.Thread(target=heartbeats, args=(ticket, work["leaseSeconds"], over), daemon=True).start()
    try:
        report = {"outputs": results(work)}
        while not lost.is_set():  # the same report again is the same report
            try: return post("workFinished", report, **ticket)
            except AWAY as e:
                if getattr(e, "code", 503) < 500: raise
                time.sleep(1)
    except BadImage as e: post("workFailed", {"code": e.args[0], "detail": e.args[1], "retry": False}, **ticket)
    except Stopped: post("workReleased", **ticket)
    except AWAY as e: post("workFailed", {"code": "worker-io", "detail": f"The work could not be read or stored: {e}", "retry": True}, **ticket)
    finally: over.set()

for signum in (signal.SIGTERM, signal.SIGINT): signal.signal(signum, lambda *_: stopping.set())
while not stopping.is_set():
    try: (work := post("getWork", worker=f"python-{os.getpid()}", accepts="solarize", wait="5s")) and work_on(work, threading.Event())
    except Lost: pass  # whoever has it now does it
    except AWAY as e: print("again in a second:", e, flush=True) or stopping.wait(1)
