"""Local search on a Steiner tree: ways are taken out and the parts joined again by shorter ones.

A key node is a terminal or one with three ways or more; a key path leads from one to the next. Taken out are a key
path, or a key node that is no terminal together with its paths. Parts are joined again one by one along shortest ways
from all of a part (E. Uchoa, R. Werneck, "Fast local search for the Steiner problem in graphs", Journal of
Experimental Algorithmics 17, 2012). All parts but the largest are walked: most cuts of a tree leave little on one side.
"""

from __future__ import annotations

import heapq

import numba
import numpy as np


@numba.njit(cache=True)
def exchange(start, neighbour, edge, tail, head, cost, terminal, inside, todo, work):
    """Change the tree until no exchange around the nodes to do, or around what was changed, makes it cheaper.

    inside: (edges,) written: the edges of the tree.  todo: nodes, in this order.  work: looks at so many nodes at most.
    Returns: what was saved.
    """
    nodes = len(start) - 1
    degree = np.zeros(nodes, np.int64)
    for e in range(len(cost)):
        if inside[e]:
            degree[tail[e]] += 1
            degree[head[e]] += 1
    label, following = np.zeros(nodes, np.int64), np.empty(nodes, np.int64)
    far, back = np.full(nodes, np.inf), np.full(nodes, -1)
    queue, waiting = np.empty(nodes, np.int64), np.zeros(nodes, np.bool_)
    at, size, saved = 0, 0, 0.0
    for v in todo:
        if not waiting[v]:
            waiting[v] = True
            queue[size] = v
            size += 1
    while size > 0 and work > 0:
        centre = queue[at]
        at = (at + 1) % nodes
        size -= 1
        waiting[centre] = False
        ways = start[centre + 1] - start[centre]
        for attempt in range(ways + 1):  # the last takes the node itself out, the others one path each
            if degree[centre] == 0 or (degree[centre] == 2 and not terminal[centre]):
                break
            whole = attempt == ways
            one = start[centre] + min(attempt, ways - 1)
            if (terminal[centre] or degree[centre] < 3) if whole else not inside[edge[one]]:
                continue
            gone, begins, lost = [centre], [centre], 0.0
            gone.pop()
            if whole:
                begins.pop()
            for k in range(start[centre] if whole else one, start[centre + 1] if whole else one + 1):
                if inside[edge[k]]:
                    last, v = edge[k], neighbour[k]
                    gone.append(last)
                    while degree[v] == 2 and not terminal[v]:
                        for q in range(start[v], start[v + 1]):
                            if inside[edge[q]] and edge[q] != last:
                                last, v = edge[q], neighbour[q]
                                break
                        gone.append(last)
                    begins.append(v)
            for e in gone:
                inside[e] = False
                degree[tail[e]] -= 1
                degree[head[e]] -= 1
                lost += cost[e]
            spent, added, seen = _join(
                start,
                neighbour,
                edge,
                tail,
                head,
                cost,
                terminal,
                inside,
                degree,
                begins,
                lost,
                label,
                following,
                far,
                back,
            )
            work -= seen
            keep = spent < lost - 1e-9
            for e in added if not keep else gone[:0]:
                inside[e] = False
                degree[tail[e]] -= 1
                degree[head[e]] -= 1
            for e in gone if not keep else gone[:0]:
                inside[e] = True
                degree[tail[e]] += 1
                degree[head[e]] += 1
            if keep:
                saved += lost - spent
                for e in added:
                    begins.append(tail[e])
                    begins.append(head[e])
                begins.append(centre)
                for v in begins:
                    if not waiting[v]:
                        waiting[v] = True
                        queue[(at + size) % nodes] = v
                        size += 1
    return saved


@numba.njit(cache=True)
def _join(
    start, neighbour, edge, tail, head, cost, terminal, inside, degree, begins, lost, label, following, far, back
):
    """Join parts of a tree, each named by one of its nodes, for less than was lost.

    label, following, far, back: as they are between calls: 0, anything, infinite, anything.
    Returns: what it costs, infinite when it is not less; the edges, which are inside; nodes looked at.
    """
    count = len(begins)
    first, last, cursor = np.empty(count, np.int64), np.empty(count, np.int64), np.empty(count, np.int64)
    for p in range(count):
        first[p] = last[p] = cursor[p] = begins[p]
        label[begins[p]] = p + 1
        following[begins[p]] = -1
    open_, seen = count, 0
    while open_ > 1:
        for p in range(count):
            v = cursor[p]
            if v < 0 or open_ <= 1:
                continue
            seen += 1
            for k in range(start[v], start[v + 1]):
                u = neighbour[k]
                if inside[edge[k]] and label[u] == 0:
                    label[u] = p + 1
                    following[u] = -1
                    following[last[p]] = u
                    last[p] = u
            cursor[p] = following[v]
            open_ -= cursor[p] < 0
    large = 0
    for p in range(count):
        if cursor[p] >= 0:
            large = p
    v = first[large]
    while v >= 0:
        label[v] = 0
        v = following[v]
    spent = 0.0
    added = [0]
    added.pop()
    for p in range(count):
        if p == large:
            continue
        heap, touched = [(0.0, 0)], [0]
        heap.pop()
        touched.pop()
        v = first[p]
        while v >= 0:
            far[v] = 0.0
            back[v] = -1
            touched.append(v)
            heap.append((0.0, v))
            v = following[v]
        goal = -1
        while len(heap) > 0:
            d, v = heapq.heappop(heap)
            if d > far[v]:
                continue
            seen += 1
            if label[v] != p + 1 and (degree[v] > 0 or terminal[v]):
                goal = v
                spent += d
                break
            for k in range(start[v], start[v + 1]):
                u = neighbour[k]
                now = d + cost[edge[k]]
                if now < far[u] and spent + now < lost:
                    if far[u] == np.inf:
                        touched.append(u)
                    far[u] = now
                    back[u] = k
                    heapq.heappush(heap, (now, u))
        into = label[goal] if goal >= 0 else 0
        v = goal
        while v >= 0 and back[v] >= 0:
            k = back[v]
            inside[edge[k]] = True
            added.append(edge[k])
            u = tail[edge[k]] + head[edge[k]] - v
            degree[v] += 1
            degree[u] += 1
            if into > 0 and label[u] == 0:
                label[u] = into
                following[u] = -1
                following[last[into - 1]] = u
                last[into - 1] = u
            v = u
        v = first[p]  # the part is of the other one now
        while v >= 0:
            label[v] = into
            v = following[v]
        if into > 0:
            following[last[into - 1]] = first[p]
            last[into - 1] = last[p]
        for v in touched:
            far[v] = np.inf
        if goal < 0:
            spent = np.inf
            break
    for p in range(count):
        v = first[p]
        while v >= 0 and label[v] > 0:
            label[v] = 0
            v = following[v]
    return spent, added, seen


@numba.njit(cache=True)
def wander(start, neighbour, edge, tail, head, cost, terminal, inside, tries, seed):
    """Iterated local search: around a place the costs are changed, the tree follows them, then the true costs again.

    What is no dearer is kept. inside: (edges,) written.  Returns: what was saved.
    """
    np.random.seed(seed)
    nodes = len(start) - 1
    saved = 0.0
    seen = np.full(nodes, -1)
    near = np.empty(nodes, np.int64)
    for n in range(tries):
        used = np.flatnonzero(inside)
        if len(used) == 0:
            break
        most = min(nodes, (100, 300, 1000)[np.random.randint(3)])
        strong = (0.1, 0.2, 0.5)[np.random.randint(3)]
        changed = cost.copy()
        near[0] = tail[used[np.random.randint(len(used))]]
        seen[near[0]] = n
        top, at = 1, 0
        while at < top:
            v = near[at]
            at += 1
            for k in range(start[v], start[v + 1]):
                changed[edge[k]] = cost[edge[k]] * (1.0 + strong * np.random.random())
                if seen[neighbour[k]] != n and top < most:
                    seen[neighbour[k]] = n
                    near[top] = neighbour[k]
                    top += 1
        before = inside.copy()
        exchange(start, neighbour, edge, tail, head, changed, terminal, inside, near[:top], 10**12)
        exchange(start, neighbour, edge, tail, head, cost, terminal, inside, near[:top], 10**12)
        more = cost[before].sum() - cost[inside].sum()
        if more < -1e-9:
            inside[:] = before
        else:
            saved += more
    return saved
