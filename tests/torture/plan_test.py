"""The plan holds what the README says of it, whatever the seed."""

import collections
import unittest

import plan

TIMEOUT_MS = 5000


class Plans(unittest.TestCase):
    def test_a_seed_gives_the_same_plan_and_another_one_another(self):
        self.assertEqual(plan.plan(7, 100, TIMEOUT_MS), plan.plan(7, 100, TIMEOUT_MS))
        self.assertNotEqual(plan.plan(7, 100, TIMEOUT_MS), plan.plan(8, 100, TIMEOUT_MS))

    def test_there_are_as_many_kills_as_were_asked_for(self):
        for seed in range(20):
            for kills in (1, 2, 3, 11, 19, 20, 21, 39, 40, 100, 500):
                self.assertEqual(plan.kills_in(plan.plan(seed, kills, TIMEOUT_MS)), kills)

    def test_twenty_kills_hold_everything_there_is(self):
        for seed in range(100):
            steps = plan.plan(seed, 20, TIMEOUT_MS)
            self.assertTrue(all(count >= 1 for count in plan.kills_by_phase(steps).values()), seed)
            kinds = {step.kind for step in steps}
            self.assertEqual(kinds, {*plan.KILLS, *plan.TAKEOVERS, *plan.TROUBLES}, seed)

    def test_five_hundred_kills_hold_25_a_phase_and_100_takeovers_and_zombies(self):
        for seed in range(20):
            steps = plan.plan(seed, 500, TIMEOUT_MS)
            self.assertTrue(all(count >= 25 for count in plan.kills_by_phase(steps).values()), seed)
            kinds = collections.Counter(step.kind for step in steps)
            self.assertGreaterEqual(sum(kinds[kind] for kind in plan.TAKEOVERS), 100)
            zombies = [step for step in steps if step.kind.startswith("zombie")]
            self.assertTrue({"", *plan.PHASES} <= {step.phase for step in zombies}, seed)

    def test_a_step_at_a_phase_says_when(self):
        for step in plan.plan(3, 500, TIMEOUT_MS):
            self.assertEqual(step.phase != "", step.times > 0, step)
            if step.kind in plan.AT_PHASE:
                self.assertIn(step.phase, plan.PHASES)
            if step.phase in plan.ONCE:
                self.assertEqual(step.times, 1, step)

    def test_a_zombie_that_nobody_replaces_sleeps_past_its_transaction(self):
        alone = [step for step in plan.plan(5, 500, TIMEOUT_MS) if step.kind == "zombie_alone"]
        self.assertTrue(all(step.for_ms >= TIMEOUT_MS for step in alone))


if __name__ == "__main__":
    unittest.main()
