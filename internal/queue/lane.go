/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package queue

// lane is a namespace with runs in the queue.
type lane struct {
	groups map[string]*group
	// offers are the runs that the groups offer, and offered is the one of them that is among the next ones, if any.
	offers  tree
	offered *entry
	active  int
}

// group has the runs of a lane that share an App. Those that share none are a group as well, which nothing gates.
type group struct {
	lane    *lane
	app     string
	waiting tree
	// offered is the run of the group that is among the offers of its lane, if any.
	offered *entry
	// active is the number of runs with a slot, exclusive that of those among them that have the App for themselves.
	active, exclusive int
}

// next returns the run that goes next in the lane, or nil while its limit is reached, so that it keeps nobody else waiting.
func (l *lane) next(limit int) *entry {
	if limit > 0 && l.active >= limit {
		return nil
	}
	return l.offers.first()
}

// next returns the run that goes next in the group, or nil. When the first one has to wait for the App, so do all those
// behind it: else an exclusive run would wait until, by chance, nobody uses its App.
func (g *group) next() *entry {
	first := g.waiting.first()
	if first == nil || g.exclusive > 0 || first.run.alone() && g.active > 0 {
		return nil
	}
	return first
}

// count adds a run with a slot to the group and its lane, or takes it away.
func (g *group) count(run Run, change int) {
	g.active += change
	g.lane.active += change
	if run.alone() {
		g.exclusive += change
	}
}

// groupOf returns the group of a run, which is made when it is its first one.
func (q *Queue) groupOf(run Run) *group {
	l := q.lanes[run.Namespace]
	if l == nil {
		l = &lane{groups: map[string]*group{}, offers: tree{before: q.before}}
		q.lanes[run.Namespace] = l
	}
	g := l.groups[run.App]
	if g == nil {
		g = &group{lane: l, app: run.App, waiting: tree{before: q.before}}
		l.groups[run.App] = g
	}
	return g
}

// settle offers the first run of the entry's group to its lane, and the first one of the lane for the next slot, after
// something has changed in them.
func (q *Queue) settle(e *entry) {
	g, l := e.group, e.group.lane
	g.offered = l.offers.replace(g.offered, g.next())
	l.offered = q.next.replace(l.offered, l.next(q.limits.PerNamespace))
	if g.active == 0 && g.waiting.len() == 0 {
		delete(l.groups, g.app)
	}
	if len(l.groups) == 0 {
		delete(q.lanes, e.run.Namespace)
	}
}
