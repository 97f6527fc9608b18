"""A headless Chromium that looks at pages: over a pipe in its DevTools protocol, so that nothing else is needed."""

import contextlib
import itertools
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

PROGRAMS = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"]
# For one answer or one page, in seconds; only a hang should meet it.
PATIENCE = 60

# What a reader would call a broken page, asked in the page itself.
LOOK = """(() => ({
    title: document.title,
    heading: (document.querySelector('h1') || {}).innerText || '',
    text: document.body.innerText.length,
    pictures: [...document.images].filter(image => !image.naturalWidth).map(image => image.src),
    styles: [...document.styleSheets].length,
    wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
}))()"""


def found():
    """The first browser there is; None if there is none."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


class Browser:
    """One that runs until its block ends."""

    def __init__(self, program):
        self._numbers, self._buffer, self.events = itertools.count(1), b"", []
        self._profile = tempfile.TemporaryDirectory(prefix="site-browser", ignore_cleanup_errors=True)
        # It reads commands from descriptor 3 and writes to 4.
        theirs_in, self._commands = os.pipe()
        self._answers, theirs_out = os.pipe()
        words = [program, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"]
        words += ["--hide-scrollbars", "--window-size=1280,900", f"--user-data-dir={self._profile.name}", "about:blank"]
        script = 'exec 3<&"$1" 4>&"$2"; shift 2; exec "$@"'
        self._process = subprocess.Popen(
            ["bash", "-c", script, "bash", str(theirs_in), str(theirs_out), *words],
            pass_fds=[theirs_in, theirs_out],
            # So that its helpers end with it.
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError, EOFError, TimeoutError):
            self._session = None
            self._call("Browser.close")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=PATIENCE / 4)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._commands)
        os.close(self._answers)
        self._profile.cleanup()

    def look_at(self, url):
        """Load a page; gives what is to be seen of it, and what went wrong while it loaded."""
        self.events.clear()
        self._call("Page.navigate", url=url)
        self._until(lambda event: event["method"] == "Page.loadEventFired")
        return self.evaluate(LOOK), [fault for event in self.events if (fault := _fault(event, url))]

    def evaluate(self, expression):
        """The value of an expression in the page, once it has one."""
        said = self._call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in said:
            raise RuntimeError(said["exceptionDetails"]["exception"].get("description", said["exceptionDetails"]["text"]))
        return said["result"].get("value")

    def _call(self, method, **parameters):
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if getattr(self, "_session", None):
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        answer = self._until(lambda said: said.get("id") == number)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def _until(self, wanted):
        end = time.monotonic() + PATIENCE
        while True:
            while b"\0" not in self._buffer:
                ready, _, _ = select.select([self._answers], [], [], max(0, end - time.monotonic()))
                if not ready:
                    raise TimeoutError(f"the browser said nothing for {PATIENCE} s")
                data = os.read(self._answers, 1 << 16)
                if not data:
                    raise EOFError("the browser has ended")
                self._buffer += data
            message, _, self._buffer = self._buffer.partition(b"\0")
            said = json.loads(message)
            if "method" in said:
                self.events.append(said)
            if ("id" in said or "method" in said) and wanted({"method": "", **said}):
                return said


def _fault(event, page):
    """What an event says that went wrong; None if nothing did."""
    about = event["params"]
    match event["method"]:
        case "Runtime.exceptionThrown":
            return about["exceptionDetails"].get("exception", {}).get("description") or about["exceptionDetails"]["text"]
        case "Log.entryAdded" if about["entry"]["level"] == "error":
            return f"{about['entry']['text']} {about['entry'].get('url', '')}"
        case "Network.loadingFailed" if not about.get("canceled"):
            return f"not loaded: {about['errorText']}"
        case "Network.requestWillBeSent":
            url = about["request"]["url"]
            origin = "/".join(page.split("/")[:3])
            return None if url.startswith((origin, "data:")) else f"asks somebody else: {url}"
    return None
