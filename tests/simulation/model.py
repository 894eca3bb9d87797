"""What two routers know of their subscribers, from the rules alone: the reference of the simulated day.

Nothing of the dataplane is used here. For each router and membership the model keeps two times: until
`sure` the entry must be there, after `may` it must not. They differ only where the rules leave it open, as
when a connection breaks while a copy is under way. Times are seconds; SLACK is what a message, a timer or
a burst may take.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.simulation.beliefs import NEVER, Batch, Belief, Copy, Key, Kind, Settings, Site

SLACK = 1.0


class Model:
    """Both routers, by name. `interval`: of a group membership; `leave`: the last member query time."""

    def __init__(self, interval: float, leave: float) -> None:
        self.interval = interval
        self.leave = leave
        self.sites = {"a": Site(), "b": Site()}
        self.kinds: dict[Key, Kind] = {}
        self.link_since = NEVER
        """Since when nothing has come between the two; infinite while something does."""
        self.bad_since = NEVER

    def peer(self, name: str) -> Site:
        return self.sites["b" if name == "a" else "a"]

    # what subscribers do

    def joined(self, name: str, key: Key, kind: Kind, now: float) -> None:
        """A report for this membership arrived at a router."""
        self.advance(now)
        self.kinds[key] = kind
        site = self.sites[name]
        if site.denies(key):
            return
        belief = self._belief(site, key, now)
        belief.sure = belief.may = now + self.interval
        belief.heard_at = now
        belief.local.set(sure=True)
        if self._copied(name, key, kind):
            copy = Copy(now, key, leave=False, certain=self._aware(name, key.port))
            site.copies.append(copy)
            self._foreshadow(self.peer(name), copy, now)

    def left(self, name: str, key: Key, kind: Kind, now: float) -> None:
        """A leave arrived at a router: it means something only to one that knows the member."""
        self.advance(now)
        self.kinds[key] = kind
        site = self.sites[name]
        belief = self._belief(site, key, now)
        if belief.may < now - SLACK:
            return
        certain = belief.sure > now + SLACK
        belief.sure = min(belief.sure, now + self.leave)
        belief.may = min(belief.may, now + self.leave)
        belief.left_at = now
        if self._copied(name, key, kind):
            certain = certain and self._aware(name, key.port)
            copy = Copy(now, key, leave=True, certain=certain)
            site.copies.append(copy)
            self._foreshadow(self.peer(name), copy, now)
        else:
            self._withdraw(name, key, certain=certain)

    # what operators and the network do

    def opened(self, name: str, now: float) -> None:
        """A router's end of the channel is synchronizing: its batches begin (rule 12)."""
        self.advance(now)
        site = self.sites[name]
        site.open = True
        site.opened_at = now
        for profile in site.profiles:
            self._batch(name, profile, now, sure=False)

    def connected(self, name: str, now: float) -> None:
        """The batches of both directions have come to their end, and what was on its way was sent again."""
        self.advance(now)
        if any(site.opened_at is not None for site in self.sites.values()):
            self._exchanged(now)
        self.sites[name].pulling = False

    def _exchanged(self, now: float) -> None:
        """One end has everything, and so has the other: first both batches, then what was sent again."""
        self._held_back(now)
        told = {
            name: {key: belief.sure for key, belief in site.beliefs.items()}
            for name, site in self.sites.items()
        }
        for name in self.sites:
            self._confirm_all(name, now)
        for name, site in self.sites.items():
            for profile in site.profiles:
                self._batch(name, profile, now, sure=True, told=told[name])
            site.opened_at = None

    def passable(self, now: float) -> None:
        """A partition has ended before anyone took note: what it held back arrives, in order."""
        if self.link_since == float("inf"):
            self._held_back(now)
            for name, site in self.sites.items():
                for batch in site.batches:
                    late = now - batch.at
                    self._batch(name, batch.profile, now, sure=False, chosen=batch.chosen, late=late)
        for each in self.sites:
            self._confirm_all(each, now)
        self.link_since = now

    def _held_back(self, now: float) -> None:
        """The batches of a new connection arrive: what they waited on the link is added to lifetimes."""
        for name, site in self.sites.items():
            if site.opened_at is not None:
                for profile in site.profiles:
                    self._batch(name, profile, now, sure=False, late=now - site.opened_at)

    def closed(self, name: str, now: float) -> None:
        """A router knows that the channel is down (rule 11)."""
        self.advance(now)
        self.sites[name].open = False
        self.sites[name].opened_at = None
        self.sites[name].batches.clear()
        if not any(site.open for site in self.sites.values()):
            for site in self.sites.values():
                site.copies = [each for each in site.copies if not each.void]

    def _foreshadow(self, peer: Site, copy: Copy, now: float) -> None:
        """A copy is on its way and may have its effect at any time from now; not at one who is deaf."""
        if peer.deaf_since is not None:
            return
        if copy.leave:
            belief = self._belief(peer, copy.key, now)
            belief.sure = min(belief.sure, now + self.leave)
            belief.left_at = max(belief.left_at, copy.at)
        else:
            self._told(peer, copy.key, copy.at, sure=False)

    def _may_have_passed(self, at: float) -> bool:
        return self.link_since != float("inf") or at <= self.bad_since + SLACK

    def restarted(self, name: str, now: float) -> None:
        """The dataplane of a router died; another begins with nothing."""
        self.advance(now)
        self.sites[name] = Site()
        peer = self.peer(name)
        held_back = self.bad_since if self.link_since == float("inf") else now
        peer.copies = [each._replace(certain=each.certain and each.at > held_back) for each in peer.copies]

    def interrupted(self, now: float) -> None:
        """From now on nothing passes between the two."""
        self.advance(now)
        if self.link_since <= now:
            self.link_since, self.bad_since = float("inf"), now

    def put_profile(self, name: str, profile: str, settings: Settings, now: float) -> None:
        """A profile is there, or is changed (rules 5 to 7)."""
        self.advance(now)
        site = self.sites[name]
        old = site.profiles.get(profile)
        site.profiles[profile] = settings
        if old is None:
            self._batch_both(profile, now)
        else:
            before = Settings(old.multicast, old.igmp_copy, old.mld_copy)
            self._begin(name, Batch(now, profile, lambda kind: not before.copies(kind)), now)

    def remove_profile(self, name: str, profile: str, now: float) -> None:
        """A profile is deleted and its interfaces are unbound (rule 13); what waits is dropped."""
        site = self.sites[name]
        ports = [port for port, bound in site.ports.items() if bound == profile]
        for port in ports:
            self.unbind(name, port, now)
        site.copies = [
            each._replace(certain=each.certain and each.key.port not in ports) for each in site.copies
        ]
        del site.profiles[profile]
        site.removed_at[profile] = now

    def bind(self, name: str, port: str, profile: str, now: float) -> None:
        """A port is bound: it begins without members."""
        self.unbind(name, port, now)
        self.sites[name].ports[port] = profile
        self.sites[name].bound_at[port] = now
        self._batch_both(profile, now)

    def unbind(self, name: str, port: str, now: float) -> None:
        """A port is not bound any more: its entries are gone, the peer's age (rule 13)."""
        self.advance(now)
        site = self.sites[name]
        site.ports.pop(port, None)
        site.denied.pop(port, None)
        site.beliefs = {key: belief for key, belief in site.beliefs.items() if key.port != port}

    # what else operators order

    def block_sending(self, name: str, now: float, *, blocked: bool) -> None:
        """Rule 15: nothing is copied, and a batch makes up for it."""
        self.advance(now)
        site = self.sites[name]
        site.sending_blocked = blocked
        site.batches.clear()  # whether one that was being read came to its end is open
        if not blocked:
            self.batch(name, now)

    def block_receiving(self, name: str, now: float, *, blocked: bool) -> None:
        """Rule 15: what the peer copies is discarded, and a batch of the peer's makes up for it."""
        self.advance(now)
        site, peer = self.sites[name], self.peer(name)
        site.deaf_since = now if blocked else None
        peer.batches.clear()
        peer.copies = [each._replace(certain=False) for each in peer.copies]
        if not blocked:
            for copy in peer.copies:
                self._foreshadow(site, copy, now)
            self.batch("b" if name == "a" else "a", now)

    def batch(self, name: str, now: float) -> None:
        """A batch of every profile: at its time of day, or because somebody wanted it."""
        self.advance(now)
        for profile in self.sites[name].profiles:
            self._begin(name, Batch(now, profile, lambda _: True), now)

    def list_subscribers(self, name: str, listed: frozenset[str] | None, now: float) -> None:
        """Rule 14: from now on these are copied; what was copied before is not withdrawn."""
        self.advance(now)
        self.sites[name].listed = listed
        self.sites[name].batches.clear()

    def deny(self, name: str, port: str, groups: frozenset[str], now: float) -> None:
        """A filter on a port: these groups are not joined any more; who has joined stays until he leaves."""
        self.advance(now)
        site, peer = self.sites[name], self.peer(name)
        site.denied[port] = groups
        peer.batches.clear()
        peer.copies = [each._replace(certain=each.certain and each.key.port != port) for each in peer.copies]
        for copy in peer.copies:
            self._foreshadow(site, copy, now)

    def clear_copied(self, name: str, profile: str, now: float) -> None:
        """What only a copy explains is gone; nothing must be under way."""
        self.advance(now)
        site = self.sites[name]
        for key, belief in list(site.beliefs.items()):
            if site.ports.get(key.port) != profile or not belief.copied.may:
                continue
            if not belief.local.may:
                del site.beliefs[key]
            elif not belief.local.sure:
                belief.sure = NEVER

    def disabled(self, name: str, now: float) -> None:
        """The service is disabled: what was on its way from here is not sent again."""
        self.interrupted(now)
        site = self.sites[name]
        site.copies = [each._replace(certain=False) for each in site.copies]

    @property
    def quiet(self) -> bool:
        """Whether both routers are connected, nothing is under way, and no batch is."""
        return all(
            site.open and site.opened_at is None and not site.batches and not site.copies
            for site in self.sites.values()
        )

    @property
    def steady(self) -> bool:
        """Whether both routers are connected, and not about to exchange everything."""
        return all(site.open and site.opened_at is None for site in self.sites.values())

    # what may be seen

    def differences(self, name: str, actual: dict[Key, float], now: float) -> list[str]:
        """What a router has and should not, lacks, or keeps for too long; `actual` is seconds left."""
        self.advance(now)
        beliefs = self.sites[name].beliefs
        found = [
            f"{key} is missing, {belief.sure - now:.1f} s before its time"
            for key, belief in beliefs.items()
            if belief.sure > now + SLACK and key not in actual
        ]
        for key, rest in actual.items():
            may = beliefs[key].may if key in beliefs else NEVER
            if may < now - SLACK:
                found.append(f"{key} is there, {now - may:.1f} s after its time")
            elif now + rest > may + 2 * SLACK:
                found.append(f"{key} lives {now + rest - may:.1f} s too long")
        return found

    def undecided(self, name: str, now: float) -> int:
        """How many memberships the rules leave open."""
        beliefs = self.sites[name].beliefs.values()
        return sum(belief.sure <= now + SLACK and belief.may >= now - SLACK for belief in beliefs)

    # how it follows

    def advance(self, now: float) -> None:
        """What was told in time has arrived when the link has been good for long enough."""
        for name, site in self.sites.items():
            if not site.open or not self.peer(name).open:
                continue
            due = [each for each in site.copies if self.link_since <= each.at <= now - SLACK / 2]
            site.copies = [each for each in site.copies if each not in due]
            for each in due:
                self._arrived(name, each, each.at)
            ended = [each for each in site.batches if self.link_since <= each.at <= now - SLACK]
            site.batches = [each for each in site.batches if each not in ended]
            for batch in ended:
                self._batch(name, batch.profile, now, sure=True, chosen=batch.chosen, at=batch.at)

    def _confirm_all(self, name: str, now: float) -> None:
        site = self.sites[name]
        waiting, site.copies = site.copies, []
        for each in waiting:
            self._arrived(name, each, now)

    def _withdraw(self, name: str, key: Key, *, certain: bool) -> None:
        """A leave is not copied: a report that waits is not sent again behind it, as nobody wants it now."""
        site, under_way = self.sites[name], any(site.open for site in self.sites.values())
        waiting = [each for each in site.copies if each.key == key and not each.leave]
        passed = max((each.at for each in waiting if self._may_have_passed(each.at)), default=NEVER)
        site.copies = [
            # a leave is not sent again if the report behind it, which is not either, arrived
            each._replace(certain=each.certain and not (each.key == key and each.at <= passed))
            for each in site.copies
            if each not in waiting
        ]
        if under_way or not certain:
            site.copies += [each._replace(certain=False, void=certain) for each in waiting]

    def _arrived(self, name: str, copy: Copy, when: float) -> None:
        peer = self.peer(name)
        if copy.key.port not in peer.ports:
            return
        certain = copy.certain and peer.bound_at[copy.key.port] <= copy.at
        if peer.deaf_since is not None:
            if copy.at > peer.deaf_since:
                return
            certain = False
        if not copy.leave:
            self._told(peer, copy.key, copy.at, sure=certain, when=when)
            return
        belief = self._belief(peer, copy.key, when)
        belief.sure = min(belief.sure, copy.at + self.leave)
        again = any(each.key == copy.key and not each.leave for each in self.sites[name].copies)
        if certain and belief.heard_at <= copy.at and not again:
            belief.may = min(belief.may, when + self.leave + SLACK)
            belief.left_at = max(belief.left_at, copy.at)

    def _told(self, site: Site, key: Key, at: float, *, sure: bool, when: float = NEVER) -> None:
        """A copied report of `at` reaches a router, or may; `when` is later if the link held it back.

        Its lifetime is what remained when it left: what it waits on the link is added.
        """
        late = when > at
        if key.port not in site.ports or site.denies(key):
            return
        belief = self._belief(site, key, at)
        until = at + self.interval
        belief.may = max(belief.may, (when if late else at) + self.interval)
        belief.copied.set(sure=sure)
        if not sure:
            return
        if late and belief.sure > until:
            belief.sure = until
        elif belief.left_at <= at:
            belief.sure = max(belief.sure, until)

    def _belief(self, site: Site, key: Key, now: float) -> Belief:
        """The belief about an entry, or a new one when the entry is gone by now."""
        belief = site.beliefs.get(key)
        if belief is None or belief.may < now - SLACK:
            belief = site.beliefs[key] = Belief()
        elif belief.sure < now + SLACK:
            belief.local.sure = belief.copied.sure = False
        return belief

    def _aware(self, name: str, port: str) -> bool:
        """Whether a router knows that its peer has a port, as it is told by it (rule 16)."""
        peer = self.peer(name)
        return peer.bound_at.get(port, float("inf")) <= self._told_by() and port in peer.ports

    def _told_by(self) -> float:
        """Until when commits have been told to the other router."""
        return self.bad_since - SLACK / 2 if self.link_since == float("inf") else float("inf")

    def _copied(self, name: str, key: Key, kind: Kind) -> bool:
        """Rules 1, 2, 14, 15 and 16: whether a message that arrives now is copied.

        Also to a profile that the peer deleted and could not say so: there may be another when it arrives.
        """
        site = self.sites[name]
        profile = site.ports.get(key.port, "")
        settings = site.profiles.get(profile)
        peer = self.peer(name)
        known = profile in peer.profiles or peer.removed_at.get(profile, NEVER) > self._told_by()
        sends = site.open and not site.sending_blocked and site.lists(key)
        return sends and known and settings is not None and settings.copies(kind)

    def _batch_both(self, profile: str, now: float) -> None:
        for name in self.sites:
            self._begin(name, Batch(now, profile, lambda _: True), now)

    def _begin(self, name: str, batch: Batch, now: float) -> None:
        both = batch.profile in self.sites[name].profiles and batch.profile in self.peer(name).profiles
        if self.sites[name].open and self.peer(name).open and both:
            self.sites[name].batches.append(batch)
            self._batch(name, batch.profile, now, sure=False, chosen=batch.chosen)

    def _batch(
        self,
        name: str,
        profile: str,
        now: float,
        *,
        sure: bool,
        chosen: Callable[[Kind], bool] = lambda _: True,
        told: dict[Key, float] | None = None,
        late: float = 0.0,
        at: float | None = None,
    ) -> None:
        """Rules 8 and 12: what the sender heard; to a router that restarted, also what was its own.

        `told`: how long entries were there for certain when the batch was read, before what is sent again
        behind the batch of the other direction. `late`: how long the link held the batch back; a record
        carries what is left of a timer, never a clock value. `at`: when it was sent, now unless it is said.
        """
        sent = now if at is None else at
        site, peer = self.sites[name], self.peer(name)
        if peer.deaf_since is not None or site.sending_blocked:
            return
        for key, belief in self._allowed(name, profile, chosen):
            if belief.may <= now + self.leave or key.port not in peer.ports or peer.denies(key):
                continue
            until = belief.sure if told is None else min(belief.sure, told.get(key, NEVER))
            source = replace(belief, sure=until, may=belief.may + late)
            lasting = sure and until > now + self.leave + SLACK
            if belief.local.may and site.lists(key):
                self._named(peer, key, source, now, sure=lasting and belief.local.sure, sent=sent)
            if belief.copied.may and peer.pulling:
                self._named(
                    peer, key, source, now, sure=lasting and belief.copied.sure, sent=sent, returned=True
                )

    def _allowed(
        self, name: str, profile: str, chosen: Callable[[Kind], bool]
    ) -> Iterator[tuple[Key, Belief]]:
        site = self.sites[name]
        settings = site.profiles.get(profile)
        for key, belief in list(site.beliefs.items()):
            kind = self.kinds[key]
            if settings and site.ports.get(key.port) == profile and settings.copies(kind) and chosen(kind):
                yield key, belief

    def _named(
        self,
        peer: Site,
        key: Key,
        source: Belief,
        now: float,
        *,
        sure: bool,
        sent: float,
        returned: bool = False,
    ) -> None:
        """A batch names an entry: it is there for as long as the sender has it, and is not lengthened.

        What is left of a source's timer may be what a leave has left of it, which a batch does not take back.
        """
        belief = self._belief(peer, key, now)
        if key.source and sent - SLACK < belief.sure < sent + self.leave + SLACK:
            sure = False
        belief.may = max(belief.may, source.may)
        (belief.local if returned else belief.copied).set(sure=sure)
        if sure and (belief.left_at <= source.heard_at or belief.left_at < sent - self.leave - SLACK):
            belief.sure = max(belief.sure, source.sure)
