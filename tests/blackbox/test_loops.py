"""Mail that goes in circles ends in one report to its sender, and in nothing else (F23)."""

import time
import unittest

from house import House, letter, until
from ports import free_port
from zone import NameServer


class Loops(unittest.TestCase):
    """Houses on addresses of their own, all on one port, so that they find each other by MX."""

    def build(self, count):
        domains = [f"{name}.test" for name in ("alpha", "beta", "gamma")[:count]]
        zones, port = {}, free_port()
        for number, domain in enumerate(domains):
            zones[domain] = {"MX": [(10, f"mx.{domain}")]}
            zones[f"mx.{domain}"] = {"A": [f"127.0.0.{number + 1}"]}
        self.names = NameServer(zones)
        self.houses = []
        for number, domain in enumerate(domains):
            house = House(domain, names=self.names, outbound=port, ports={"smtp": port}, ip=f"127.0.0.{number + 1}",
                          services=["smtp", "submission", "imaps"])
            self.houses.append(house)
            house.people("ann").start()
            following = domains[(number + 1) % count]
            house.run("alias", "add", f"round@{domain}", f"round@{following}")

    def tearDown(self):
        for house in getattr(self, "houses", []):
            house.close()
        self.names.close()

    def goes_round(self, count):
        self.build(count)
        first = self.houses[0]
        with first.submission("ann@alpha.test") as client:
            client.sendmail("ann@alpha.test", ["round@alpha.test"], letter("in circles", sender="ann@alpha.test"))
        report = first.wait_for("ann@alpha.test", b"Action: failed", 60)
        self.assertIn(b"Status: 5.4.6", report)
        until(lambda: not any(house.queue() for house in self.houses), 30, "empty queues")
        time.sleep(1)
        self.assertEqual(len(first.messages("ann@alpha.test")), 1, "one report, and no more")
        hops = report.count(b"Received: ")
        journeys = sum(len(house.trace()) for house in self.houses)
        print(f"  {count} hosts: {hops} trace headers in the report, {journeys} journeys", flush=True)
        self.assertLess(journeys, 12 * count)

    def test_two_that_forward_to_each_other(self):
        self.goes_round(2)

    def test_three_in_a_circle(self):
        self.goes_round(3)
