"""Other people's programs as peers: started privately, in their own directories, ended by their own ids."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from house import PASSWORD, Authority, scratch, until
from ports import free_port


def run(command, stdin=None, status=0, timeout=120, env=None):
    """Runs a peer and insists on its exit status."""
    data = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run(
        [str(word) for word in command], input=data, stdin=subprocess.DEVNULL if data is None else None,
        capture_output=True, timeout=timeout, env=dict(os.environ, **(env or {})),
    )
    text = done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")
    if status is not None and done.returncode != status:
        raise AssertionError(f"{command[0]}: status {done.returncode}, wanted {status}\n{text[-3000:]}")
    return text


MAIN_CF = """
compatibility_level = 3.6
queue_directory = {root}/spool
data_directory = {root}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.post.test
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
local_recipient_maps =
virtual_mailbox_domains = post.test
virtual_mailbox_base = {root}/mail
virtual_mailbox_maps = static:all/
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
smtputf8_enable = yes
maillog_file = {root}/log
maillog_file_prefixes = {root}
relayhost = {relayhost}
smtp_host_lookup = native
smtp_tls_security_level = {out_tls}
smtp_tls_CAfile = {certificate}
smtp_tls_loglevel = 1
smtpd_tls_security_level = {in_tls}
smtpd_tls_chain_files = {key}, {certificate}
smtpd_tls_received_header = yes
smtpd_tls_loglevel = 1
smtpd_client_connection_rate_limit = 0
smtpd_recipient_restrictions = permit_mynetworks, reject
message_size_limit = 60000000
mailbox_size_limit = 0
virtual_mailbox_limit = 0
in_flow_delay = 0
minimal_backoff_time = 2s
queue_run_delay = 2s
"""

MASTER_CF = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
lmtp unix - - n - - lmtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"""


DOVECOT = """
base_dir = {root}/run
state_dir = {root}/state
instance_name = private
protocols = imap lmtp pop3
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
log_path = {root}/log
default_internal_user = nobody
default_internal_group = nogroup
default_login_user = nobody
first_valid_uid = 1
mail_location = mdbox:{root}/mail/%n
mail_fsync = {fsync}
mail_max_userip_connections = 1000
mail_uid = {uid}
mail_gid = {gid}
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={root}/mail/%n
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp}
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


class Dovecot:
    """A Dovecot of its own: LMTP in, IMAP and POP3 out, every sync on (`fsync`). Any user, any password."""

    def __init__(self, fsync="always"):
        self.root = scratch("dovecot")
        self.imap, self.lmtp, self.pop3, self.fsync = free_port(), free_port(), free_port(), fsync
        user = pwd.getpwnam("postfix")
        for name in ("run", "state", "mail"):
            (self.root / name).mkdir()
        shutil.chown(self.root / "mail", user.pw_uid, user.pw_gid)
        self.facts = dict(root=self.root, imap=self.imap, lmtp=self.lmtp, pop3=self.pop3, uid=user.pw_uid, gid=user.pw_gid)
        self.start()

    def start(self):
        (self.root / "dovecot.conf").write_text(DOVECOT.format(fsync=self.fsync, **self.facts))
        command = ["dovecot", "-F", "-c", str(self.root / "dovecot.conf")]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        until(lambda: self._answers(), 20, "Dovecot to answer")

    def stop(self):
        self.process.terminate()
        self.process.wait(20)

    def _answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.imap), 1) as probe:
                return probe.recv(4) == b"* OK"
        except OSError:
            return False

    def close(self):
        self.stop()
        shutil.rmtree(self.root, ignore_errors=True)


class Postfix:
    """A Postfix of its own: mail for post.test goes to one Maildir, all other mail to `relayhost`."""

    @staticmethod
    def reason_to_skip():
        if not Path("/usr/lib/postfix/sbin/master").exists():
            return "Postfix is not installed"
        return None if os.geteuid() == 0 else "Postfix's master runs as root only"

    def __init__(self, relayhost="", out_tls="none", in_tls="none", extra=""):
        self.root = scratch("postfix")
        self.port = free_port()
        user = pwd.getpwnam("postfix")
        tls = Authority.get()
        facts = dict(root=self.root, port=self.port, relayhost=relayhost, out_tls=out_tls, in_tls=in_tls)
        facts.update(uid=user.pw_uid, gid=user.pw_gid, certificate=tls.certificate, key=tls.key)
        for name in ("conf", "spool", "data", "mail"):
            (self.root / name).mkdir()
        for name in ("data", "mail"):
            shutil.chown(self.root / name, user.pw_uid, user.pw_gid)
        (self.root / "conf/main.cf").write_text(MAIN_CF.format(**facts) + extra)
        (self.root / "conf/master.cf").write_text(MASTER_CF.format(**facts))
        run(["postfix", "-c", self.root / "conf", "start"])
        until(self._answers, 20, "Postfix to answer")

    def _answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as probe:
                return probe.recv(3) == b"220"
        except OSError:
            return False

    def mail(self):
        """All messages that arrived in the Maildir, as bytes."""
        return [path.read_bytes() for path in sorted((self.root / "mail/all/new").glob("*"))]

    def queue_is_empty(self):
        return "Mail queue is empty" in run(["postqueue", "-c", self.root / "conf", "-p"])

    def flush(self):
        run(["postqueue", "-c", self.root / "conf", "-f"])

    def log(self):
        path = self.root / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def close(self):
        master = int((self.root / "spool/pid/master.pid").read_text())
        os.kill(master, signal.SIGTERM)  # ends its own children first; `postfix stop` does the same, and waits longer
        until(lambda: not Path(f"/proc/{master}").exists(), 20, "Postfix to end")
        shutil.rmtree(self.root, ignore_errors=True)


def mbsyncrc(directory, port, user, patterns, create="Both"):
    """Writes a configuration of mbsync for a mailbox of `user`'s at an IMAPS port, and the folder that it fills."""
    (directory / "mail").mkdir(exist_ok=True)
    config = directory / "mbsyncrc"
    config.write_text(
        f"""IMAPAccount house
Host localhost
Port {port}
User {user}
Pass "{PASSWORD}"
SSLType IMAPS
CertificateFile {Authority.get().certificate}

IMAPStore far
Account house

MaildirStore near
Path {directory}/mail/
Inbox {directory}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns {patterns}
Create {create}
Expunge Both
SyncState *
"""
    )
    return config
