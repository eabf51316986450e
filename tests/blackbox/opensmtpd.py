"""A private OpenSMTPD."""

from cage import Cage
from house import Authority

# Without keepalive a connection ends with its mail; task-hiwat: so many recipients of a message are sent together.
CONFIGURATION = """
pki mx.smtpd.test cert "{certificate}"
pki mx.smtpd.test key "{root}/key.pem"
smtp max-message-size 60M
smtp limit max-rcpt 1000
mta limit session-keepalive 0
mta limit task-hiwat 2000
listen on 127.0.0.1 port {port} tls pki mx.smtpd.test hostname mx.smtpd.test
table keepers {{ "@smtpd.test" = keeper }}
action keep maildir "{root}/mail" virtual <keepers>
action out relay host "smtp://127.0.0.1:{relay}" helo mx.smtpd.test
match from any for rcpt-to "gone@smtpd.test" reject
match from any for domain smtpd.test action keep
match from any for any action out
"""


class OpenSmtpd(Cage):
    """Mail for smtpd.test goes to one Maildir, all other mail to the port `relay` on loopback."""

    def __init__(self, relay):
        super().__init__("opensmtpd", "usr/sbin/smtpd")
        tls = Authority.get()
        (self.root / "lib/opensmtpd/empty").mkdir(parents=True)
        key = self.root / "key.pem"
        key.touch(0o600)  # it takes no key that others may read
        key.write_bytes(tls.key.read_bytes())
        facts = dict(root=self.root, port=self.port, relay=relay, certificate=tls.certificate)
        (self.root / "smtpd.conf").write_text(CONFIGURATION.format(**facts))
        self.start("-d", "-f", self.root / "smtpd.conf")
