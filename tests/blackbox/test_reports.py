"""Two servers that report to each other what came in their names, and how their sessions went (RFC 9990, RFC 8460)."""

import json
import unittest

from house import House, letter, until
from ports import free_port
from zone import NameServer


class Reports(unittest.TestCase):
    def setUp(self):
        port, zones = free_port(), {}
        for number, domain in enumerate(("alpha.test", "beta.test"), 1):
            ip, wants = f"127.0.0.{number}", f"rua=mailto:postmaster@{domain}"
            zones[domain] = {"MX": [(10, f"mx.{domain}")], "TXT": [f"v=spf1 ip4:{ip} -all"]}
            zones[f"mx.{domain}"] = {"A": [ip], "TXT": ["v=spf1 a -all"]}
            zones[f"_dmarc.{domain}"] = {"TXT": [f"v=DMARC1; p=reject; {wants}"]}
            zones[f"_smtp._tls.{domain}"] = {"TXT": [f"v=TLSRPTv1; {wants}"]}
        self.names = NameServer(zones)
        self.addCleanup(self.names.close)
        self.alpha, self.beta = (self.house(number, domain, port) for number, domain in enumerate(("alpha.test", "beta.test"), 1))

    def house(self, number, domain, port):
        ip = f"127.0.0.{number}"
        outbound = f'\n[outbound]\nport = {port}\nallow_private = true\nsource_ipv4 = "{ip}"\n[reports]\norganization = "The House of {domain}"\n'
        house = House(domain, names=self.names, extra=outbound, ports={"smtp": port}, ip=ip, services=["smtp", "submission", "imaps"])
        self.addCleanup(house.close)
        house.people("ann", "postmaster").start()
        return house

    def until_delivered(self, house, to, subject):
        """The certificate is for one address only, so the journeys are asked."""
        found = lambda: any(event["event"] == "delivered" for row in house.trace("--to", to, "--subject", subject) for event in row["events"])
        until(found, what=f"{subject} for {to}")

    def reports(self, house, *arguments):
        return json.loads(house.run("reports", *arguments, "--json").stdout)

    def test_what_came_in_a_domains_name_is_told_to_it(self):
        with self.alpha.submission("ann@alpha.test") as client:
            client.sendmail("ann@alpha.test", ["ann@beta.test"], letter("hello", sender="ann@alpha.test", to="ann@beta.test"))
        self.until_delivered(self.beta, "ann@beta.test", "hello")
        again = letter("again", sender="ann@alpha.test", to="ann@beta.test")
        with self.beta.smtp() as client:
            # From 127.0.0.1, which may send for alpha.test: DMARC passes, and is counted with the first one.
            client.sendmail("ann@alpha.test", ["ann@beta.test"], again)
        counted = until(lambda: self.reports(self.beta, "pending"), what="counts")
        self.assertEqual([(row["kind"], row["domain"], row["total"]) for row in counted], [("dmarc", "alpha.test", 2)])
        # The other side counted its session.
        sessions = self.reports(self.alpha, "pending")
        self.assertEqual([(row["kind"], row["domain"], row["total"]) for row in sessions], [("tls", "beta.test", 1)])

        self.beta.run("reports", "send")
        self.alpha.run("reports", "send")
        mail = until(lambda: self.reports(self.alpha, "list"), what="a report at alpha.test")
        self.assertEqual([(row["kind"], row["domain"], row["reporter"], row["total"], row["good"]) for row in mail],
                         [("dmarc", "alpha.test", "The House of beta.test", 2, 2)])
        shown = self.reports(self.alpha, "show", mail[0]["id"])
        self.assertEqual({(source["source"], source["outcome"], source["good"]) for source in shown["sources"]},
                         {("127.0.0.1", "pass", True)})
        self.assertEqual(sum(source["count"] for source in shown["sources"]), 2)
        for command in ("list",), ("show", mail[0]["id"]), ("pending",):
            table = self.alpha.run("reports", *command).stdout
            self.assertNotIn("\x1b", table, "no colours where no terminal is")
        tls = until(lambda: self.reports(self.beta, "list", "--domain", "beta.test"), what="a report at beta.test")
        self.assertEqual([(row["kind"], row["total"], row["good"]) for row in tls], [("tls", 1, 1)])
        # It is mail all the same, and can be traced from both ends.
        self.alpha.wait_for("postmaster@alpha.test", b"Report Domain: alpha.test")
        self.until_delivered(self.beta, "postmaster@beta.test", "Report Domain: beta.test")
        journey = self.alpha.trace("--id", mail[0]["message"])[0]
        self.assertTrue(any("brings a DMARC report" in event["text"] for event in journey["events"]), journey)
        self.assertEqual([row for row in self.reports(self.beta, "pending") if row["kind"] == "dmarc" and row["domain"] == "alpha.test" and row["total"] > 1],
                         [], "what was sent is forgotten")

    def test_a_wrong_id_and_a_stopped_server_are_told(self):
        done = self.alpha.run("reports", "show", "x", check=False)
        self.assertEqual((done.returncode, "posthouse reports list" in done.stderr), (1, True), done.stderr)
        self.assertEqual(self.alpha.stop(), 0)
        done = self.alpha.run("reports", "send", check=False)
        self.assertEqual((done.returncode, "posthouse serve" in done.stderr), (1, True), done.stderr)
        self.assertIn("No report has come", self.alpha.run("reports", "list").stdout)


if __name__ == "__main__":
    unittest.main()
