"""Agents in another language, with nothing but its standard library: they do what is there, then say what they did.

task_agents.py tasks URL COUNT        the small contract
task_agents.py teleport URL KEY COUNT the teleport contract
"""
import base64
import gzip
import json
import sys
import urllib.error
import urllib.request
import uuid

INLINE = 512000


def call(method, url, body=None, headers=None, timeout=100):
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    with urllib.request.urlopen(request, timeout=timeout) as reply:
        return reply.status, dict(reply.headers), reply.read()


def post_json(url, value, headers=None):
    headers = {**(headers or {}), "Content-Type": "application/json"}
    return json.loads(call("POST", url, json.dumps(value).encode(), headers)[2])


def tasks(url, count):
    done = []
    while len(done) < count:
        said = json.loads(call("GET", url + "/get-task", timeout=10)[2])
        if said["data"] is None:
            continue
        task = said["data"]
        total = sum(task["request"]["numbers"])
        said = post_json(url + "/complete-task", {"taskId": task["taskId"], "result": {"sum": total}})
        done.append(said["status"])
    print(json.dumps({"done": done, "stats": json.loads(call("GET", url + "/stats")[2])}))


def multipart(task, packed):
    boundary = uuid.uuid4().hex
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{task["taskId"]}_0a1b.zip"\r\n'
        "Content-Type: application/zip\r\n\r\n".encode() + packed,
        f'--{boundary}\r\nContent-Disposition: form-data; name="task"\r\n'
        "Content-Type: application/json\r\n\r\n".encode() + json.dumps(task).encode(),
        f"--{boundary}--\r\n".encode(),
    ]
    return b"\r\n".join(parts), f"multipart/form-data; boundary={boundary}"


def teleport(url, key, count):
    base, auth, done = url + "/api/http-teleport", {"Authorization": f"Bearer {key}"}, []
    while len(done) < count:
        asked = f"{base}/get-task?agentId=1764400000_0a1b2c&agentVersion=1.1.13&envName=python"
        status, _, body = call("GET", asked, headers=auth)
        task = json.loads(body)["data"] if status == 200 else None
        if task is None:
            continue
        try:
            sent = task["input"].encode() if task["input"] is not None else None
            status, headers, body = call(task["method"], task["url"], sent, task["requestHeaders"], timeout=30)
        except urllib.error.HTTPError as error:
            status, headers, body = error.code, dict(error.headers), error.read()
        except OSError as error:
            status, headers, body = 500, {}, None
            task["output"] = f"Agent Side Error: {error}"
        task.update(version="1.1.13", statusCode=status, responseHeaders=headers)
        if body is None or len(body) <= INLINE:
            if body:
                task.update(responseBase64=True, output=base64.b64encode(body).decode())
            done.append(post_json(base + "/put-result", task, auth))
        else:
            task["responseZipped"] = True
            form, kind = multipart(task, gzip.compress(body))
            done.append(json.loads(call("POST", base + "/upload-result", form, {**auth, "Content-Type": kind})[2]))
    print(json.dumps({"done": done}))


if sys.argv[1] == "tasks":
    tasks(sys.argv[2], int(sys.argv[3]))
else:
    teleport(sys.argv[2], sys.argv[3], int(sys.argv[4]))
