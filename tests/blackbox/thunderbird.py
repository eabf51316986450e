"""Thunderbird without a window: a profile of its own, driven through Marionette on loopback, ended by its id."""

import json
import os
import socket
import subprocess
from pathlib import Path

from house import PASSWORD, Authority, until

ACTIONS = Path(__file__).with_name("thunderbird.js")
HOST = "localhost"


def preferences(house, user, condstore):
    """The account as its wizard writes it. All that is not mail goes to a proxy that is not there."""
    server, identity, smtp = "mail.server.server1.", "mail.identity.id1.", "mail.smtpserver.smtp1."
    mailbox = f"imap://{user.replace('@', '%40')}@{HOST}/"
    return {
        "mail.accountmanager.accounts": "account1", "mail.accountmanager.defaultaccount": "account1",
        "mail.account.account1.server": "server1", "mail.account.account1.identities": "id1",
        server + "type": "imap", server + "hostname": HOST, server + "port": house.ports["imaps"], server + "userName": user,
        server + "socketType": 3, server + "authMethod": 3, server + "name": user, server + "login_at_startup": False,
        server + "check_new_mail": False, server + "use_condstore": condstore, server + "offline_download": False, server + "autosync_offline_stores": False,
        identity + "fullName": "Ann", identity + "useremail": user, identity + "smtpServer": "smtp1", identity + "valid": True,
        identity + "compose_html": False, identity + "fcc_folder": mailbox + "Sent", identity + "fcc_folder_picker_mode": "1",
        "mail.smtpservers": "smtp1", "mail.smtp.defaultserver": "smtp1",
        smtp + "hostname": HOST, smtp + "port": house.ports["submission"], smtp + "username": user, smtp + "try_ssl": 2, smtp + "authMethod": 3,
        "mail.provider.suppress_dialog_on_startup": True, "mail.shell.checkDefaultClient": False, "mailnews.start_page.enabled": False,
        "mail.spam.manualMark": False, "mail.biff.show_alert": False, "mail.biff.play_sound": False,
        "datareporting.policy.dataSubmissionEnabled": False, "app.donation.eoy.version.viewed": 999, "app.update.auto": False,
        "network.proxy.type": 1, "network.proxy.http": "127.0.0.1", "network.proxy.http_port": 9, "network.proxy.ssl": "127.0.0.1",
        "network.proxy.ssl_port": 9, "marionette.port": 0,
    }


class Thunderbird:
    """One run with one profile; the profile's next run knows what it knew. CONDSTORE is off unless a user sets it."""

    def __init__(self, directory, house, user, condstore=False):
        self.profile = directory / "profile"
        first = not self.profile.exists()
        self.profile.mkdir(exist_ok=True)
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in preferences(house, user, condstore).items()]
        (self.profile / "user.js").write_text("\n".join(lines))
        self.port_file, self.log = self.profile / "MarionetteActivePort", directory / "thunderbird.log"
        self.port_file.unlink(missing_ok=True)
        command = ["thunderbird", "--headless", "--no-remote", "--profile", self.profile, "--marionette", "--remote-allow-system-access"]
        environment = dict(os.environ, HOME=str(directory), TMPDIR=str(directory), MOZ_CRASHREPORTER_DISABLE="1")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True)
        try:
            self.connect()
            if first:
                base64 = "".join(line for line in Authority.get().certificate.read_text().splitlines() if "-----" not in line)
                ports = [house.ports["imaps"], house.ports["submission"]]
                self.do("prepare", host=HOST, ports=ports, certificate=base64, user=user, password=PASSWORD)
        except BaseException:
            self.kill()
            raise

    def connect(self):
        port = until(lambda: self.port_file.exists() and self.port_file.read_text(), 60, "Thunderbird to listen")
        self.socket = socket.create_connection(("127.0.0.1", int(port)), 60)
        self.stream, self.number = self.socket.makefile("rb"), 0
        self.answer()
        self.call("WebDriver:NewSession", capabilities={"timeouts": {"script": 60000}})
        self.call("Marionette:SetContext", value="chrome")

    def answer(self):
        size = b""
        while (byte := self.stream.read(1)) != b":":
            if not byte:
                raise AssertionError(f"Thunderbird has gone: {self.log.read_text(errors='replace')[-2000:]}")
            size += byte
        return json.loads(self.stream.read(int(size)))

    def call(self, command, **words):
        """One command of Marionette: [0, number, command, words] there, [1, number, error, result] back."""
        self.number += 1
        text = json.dumps([0, self.number, command, words]).encode()
        self.socket.sendall(b"%d:%s" % (len(text), text))
        _, number, error, result = self.answer()
        assert number == self.number
        if error:
            raise AssertionError(f"{command}: {error}")
        return result

    def do(self, action, **words):
        """An action of `thunderbird.js` and what it returns."""
        outcome = self.call("WebDriver:ExecuteAsyncScript", script=ACTIONS.read_text(), args=[action, words])["value"]
        if "error" in outcome:
            raise AssertionError(f"{action} {words}: {outcome['error']}")
        return outcome.get("value")

    def quit(self):
        self.call("Marionette:Quit", flags=["eAttemptQuit"])
        self.socket.close()
        self.process.wait(60)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
