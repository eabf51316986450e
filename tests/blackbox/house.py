"""A Posthouse of one's own: configuration, process, addresses, and the clients every test needs.

Each server lives in a temporary directory, listens on free loopback ports, and is ended by its process id.
"""

import imaplib
import json
import os
import poplib
import re
import resource
import shutil
import signal
import smtplib
import ssl
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from zone import NameServer

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("POSTHOUSE_BIN", str(ROOT / "target/debug/posthouse"))
PASSWORD = "correct horse 7"
SERVICES = ["smtp", "submission", "submissions", "lmtp", "imap", "imaps", "pop3", "pop3s"]

imaplib._MAXLINE = 16 * 1024 * 1024
poplib._MAXLINE = 16 * 1024 * 1024


_scratch = []
_running = []


def scratch(name):
    """A new directory for one test, readable by the peers' own users; gone when the run ends."""
    directory = Path(tempfile.mkdtemp(prefix=f"posthouse-{name}-"))
    directory.chmod(0o755)
    _scratch.append(directory)
    return directory


def leave_nothing():
    """Ends what a failed test left running, and removes all directories."""
    for process in _running:
        if process.poll() is None:
            process.kill()
            process.wait()
    if not os.environ.get("POSTHOUSE_KEEP"):
        for directory in _scratch:
            shutil.rmtree(directory, ignore_errors=True)


def until(condition, seconds=20.0, what="a condition"):
    """Polls until `condition()` is true and returns what it returned."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.1)


class Authority:
    """A certificate that all servers of one run share, and the client context that trusts it."""

    _made = None

    @classmethod
    def get(cls):
        if cls._made is None:
            cls._made = cls()
        return cls._made

    def __init__(self):
        self.directory = scratch("tls")
        self.certificate = self.directory / "cert.pem"
        self.key = self.directory / "key.pem"
        names = "subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:mx.alpha.test,DNS:mx.beta.test,DNS:mx.post.test"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
            + ["-keyout", self.key, "-out", self.certificate, "-days", "30", "-subj", "/CN=localhost"]
            + ["-addext", names],
            check=True, capture_output=True,
        )
        self.key.chmod(0o644)

    def context(self):
        return ssl.create_default_context(cafile=str(self.certificate))


class House:
    """One Posthouse server."""

    def __init__(self, domain="alpha.test", extra="", services=SERVICES, outbound=25, names=None, limits="", ports=None, plaintext=(), segment=None, ip="127.0.0.1", proxied=(), auth=()):
        self.domain, self.ip = domain, ip
        self.hostname = f"mx.{domain}"
        self.directory = scratch(domain)
        self.config = self.directory / "posthouse.toml"
        self.names = names or NameServer({domain: {"MX": [(10, self.hostname)]}, self.hostname: {"A": ["127.0.0.1"]}})
        self.own_names = names is None
        self.process = None
        self.ports = {}
        self.ready_s = None
        self.log = open(self.directory / "log", "ab")
        if segment:
            extra += f'\n[store]\nsegment_size = "{segment}"\n'
        self._write(extra, services, outbound, limits, ports or {}, plaintext, proxied, auth)

    def _write(self, extra, services, outbound, limits, ports, plaintext, proxied, auth):
        tls = Authority.get()
        lines = [f'hostname = "{self.hostname}"', f'data_dir = "{self.directory}/data"', ""]
        for service in services:
            lines += ["[[listener]]", f'service = "{service}"', f'bind = ["{self.ip}:{ports.get(service, 0)}"]']
            lines += ['plaintext_auth = "loopback"'] if service in plaintext else []
            lines += [f"auth_mechanisms = {json.dumps(auth)}"] if auth and service not in ("smtp", "lmtp") else []
            lines += ['proxy_protocol = ["127.0.0.1"]', ""] if service in proxied else [""]
        lines += ["[tls]", f'certificate = "{tls.certificate}"', f'private_key = "{tls.key}"', ""]
        lines += ["[dns]", f'servers = ["127.0.0.1:{self.names.port}"]', ""]
        if "[outbound]" not in extra:
            lines += ["[outbound]", f"port = {outbound}", "allow_private = true", ""]
        # Load comes from few accounts here.
        free = 'sending_per_hour = "none"\nsending_per_day = "none"'
        lines += ["[limits]", limits if "sending_per" in limits else f"{free}\n{limits}", ""]
        self.config.write_text("\n".join(lines) + extra)

    # The process.

    def start(self, files=None):
        """Starts the server, with so many open files at most, and waits for its `ready` line."""
        begin = time.monotonic()
        limit = [] if files is None else ["prlimit", f"--nofile={files}:{files}"]
        self.process = subprocess.Popen(
            [*limit, BINARY, "serve", "--config", str(self.config)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=self.log, start_new_session=True, restore_signals=False,  # so that a limit of file sizes does not kill it
        )
        _running.append(self.process)
        for line in self.process.stdout:
            self.log.write(line)
            if line.startswith(b"ready"):
                self.ready_s = time.monotonic() - begin
                self.ports = self._ports(line.decode())
                break
        else:
            raise AssertionError(f"no ready line; status {self.process.wait()}\n{self.tail()}")
        threading.Thread(target=self._drain, args=[self.process.stdout], daemon=True).start()
        return self

    def _drain(self, stream):
        for line in stream:
            self.log.write(line)

    @staticmethod
    def _ports(line):
        return {name: int(port) for name, port in re.findall(r"([a-z0-9]+)[ =:@]+127\.0\.0\.\d+:(\d+)", line)}

    def stop(self):
        """Asks the server to end (SIGTERM), and says with which status it did."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"did not end within 30 s of SIGTERM\n{self.tail()}") from None

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def close(self):
        """Ends everything and removes the directory."""
        if self.process and self.process.poll() is None:
            self.kill()
        if self.own_names:
            self.names.close()
        self.log.close()
        if not os.environ.get("POSTHOUSE_KEEP"):
            shutil.rmtree(self.directory, ignore_errors=True)

    def tail(self):
        self.log.flush()
        lines = (self.directory / "log").read_text(errors="replace").splitlines()
        return "\n".join([line for line in lines if "logged in" not in line][-30:])

    # Commands.

    def run(self, *arguments, stdin="", check=True):
        """Runs a subcommand on this server's configuration."""
        environment = dict(os.environ, POSTHOUSE_CONFIG=str(self.config))
        done = subprocess.run(
            [BINARY, *arguments], input=stdin, capture_output=True, text=True, env=environment, timeout=60
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{arguments}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def add_domain(self, domain=None):
        self.run("domain", "add", domain or self.domain)

    def add_account(self, address, password=PASSWORD):
        self.run("account", "add", address, "--password-stdin", stdin=password + "\n")

    def people(self, *names):
        """The domain with these accounts; commands find the running server by themselves."""
        self.add_domain()
        for name in names:
            self.add_account(f"{name}@{self.domain}")
        return self

    def trace(self, *arguments):
        return json.loads(self.run("trace", "--json", *arguments).stdout)

    def queue(self):
        return json.loads(self.run("queue", "list", "--json").stdout)

    def status(self):
        return json.loads(self.run("status", "--json").stdout)

    def memory_kib(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])

    # Clients.

    def smtp(self):
        """A connection to port 25, as another mail server makes it."""
        return smtplib.SMTP(self.ip, self.ports["smtp"], local_hostname="client.test", timeout=60)

    def submission(self, user, password=PASSWORD):
        client = smtplib.SMTP(self.ip, self.ports["submission"], local_hostname="client.test", timeout=60)
        client.starttls(context=Authority.get().context())
        client.login(user, password)
        return client

    def imap(self, user, password=PASSWORD):
        context = Authority.get().context()
        client = imaplib.IMAP4_SSL(self.ip, self.ports["imaps"], ssl_context=context, timeout=60)
        client.login(user, password)
        return client

    def pop3(self, user, password=PASSWORD, utf8=False):
        client = poplib.POP3_SSL(self.ip, self.ports["pop3s"], context=Authority.get().context(), timeout=60)
        if utf8:
            client.utf8()
        client.user(user)
        client.pass_(password)
        return client

    def messages(self, user, mailbox="INBOX"):
        """All messages of a mailbox as bytes, in order of UID."""
        client = self.imap(user)
        try:
            status, count = client.select(f'"{mailbox}"', readonly=True)
            assert status == "OK", count
            if count == [b"0"]:
                return []
            status, data = client.uid("FETCH", "1:*", "(BODY.PEEK[])")
            assert status == "OK", data
            return [part[1] for part in data if isinstance(part, tuple)]
        finally:
            client.logout()

    def wait_for(self, user, needle, seconds=30.0, mailbox="INBOX"):
        """The first message that holds `needle`, as soon as it is there."""
        needle = needle.encode() if isinstance(needle, str) else needle
        found = lambda: next((body for body in self.messages(user, mailbox) if needle in body), None)
        try:
            return until(found, seconds, f"a message with {needle!r} for {user}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.tail()}") from None


def letter(subject, sender="out@side.test", to="ann@alpha.test", body="Hello.\r\n", **headers):
    """A small message as bytes."""
    lines = [f"From: {sender}", f"To: {to}", f"Subject: {subject}", "Date: Mon, 23 Nov 2026 10:00:00 +0000"]
    lines += [f"Message-ID: <{subject.replace(' ', '.')}@side.test>"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def raise_file_limit():
    """Load tests hold many connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 4096), hard), hard))
