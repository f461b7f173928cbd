# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# What a client feels: ping streams, gaps, logins, and Corosync's own detection time.

# A stream through the tunnel on a 10 ms grid; -D stamps every reply.
ping_start() { # profile
	local dir
	dir=$(client_dir "$1")
	detach nsenter --net="/run/netns/$(ns_name "$(client_ns "$1")")" \
		ping -n -D -i 0.01 "$HOST_INSIDE" >"$dir/ping.log" 2>&1
	pid_save "$dir/ping.pid" $!
}

# INT makes ping write out what it has buffered.
ping_stop() { # profile
	local pid
	pid=$(pid_load "$(client_dir "$1")/ping.pid") || return 0
	kill -INT "$pid"
	wait_for 2 pid_gone "$pid"
}

# An idle client pings only once it is back: its hook starts that.
probe_arm() { # profile
	printf '%s\n' "$HOST_INSIDE" >"$(client_dir "$1")/probe"
}

ping_ok() { # profile: the inside host answers through the tunnel
	ns_run "$(client_ns "$1")" ping -n -q -c 1 -W 1 "$HOST_INSIDE" >/dev/null 2>&1
}

# Times of the replies, microseconds.
ping_replies() { # profile
	sed -nE 's/^\[([0-9]+)\.([0-9]{6})\] [0-9]+ bytes from .*/\1\2/p' \
		"$(client_dir "$1")/ping.log" 2>/dev/null
}

# Longest time between two replies, ms; for a client that was idle: from the failure to the first
# reply. Nothing when no reply came after the failure.
ping_gap_ms() { # profile kill_us
	ping_replies "$1" | awk -v t0="$2" -v idle="$([ "$1" = idle ] && echo 1)" '
		idle && NR == 1 { gap = $1 - t0 }
		!idle && NR > 1 && $1 - last > gap { gap = $1 - last }
		{ last = $1 }
		END { if (last > t0) printf "%.1f", gap / 1000 }'
}

reconnected_after() { # profile us
	awk -v t0="$2" '$1 > t0 && $2 == "reconnect" { ok = 1 } END { exit !ok }' \
		"$(client_dir "$1")/events"
}

# Reconnected and not only by its own account: the stream has replies again. ping's buffer is not
# on disk yet, so that is asked with a ping of its own.
client_is_back() { # profile us
	reconnected_after "$1" "$2" && ping_ok "$1"
}

same_address() { # profile: every address the server ever sent is the same text
	[ "$(awk '$3 != "-" { print $3, $4 }' "$(client_dir "$1")/events" | sort -u | wc -l)" = 1 ]
}

# Authentications of a user in all nodes' logs since log_mark.
log_mark() {
	local n
	for n in $(lab_nodes); do
		wc -c <"$D/$n/tandemd.log" >"$D/$n/log.mark"
	done
}

logins() { # user
	local n
	for n in $(lab_nodes); do
		tail -c "+$(($(cat "$D/$n/log.mark") + 1))" "$D/$n/tandemd.log"
	done | grep -c "auth ok user=$1 "
}

# A bare CPG member on every node, in a group of the lab's own.
watch_start() {
	local n
	for n in $(lab_nodes); do
		detach nsenter -t "$(pid_load "$D/$n/holder.pid")" -m -u -n -- \
			"$BIN/cpg-watch" tandem-lab-watch >"$D/$n/watch" 2>"$D/$n/watch.err"
		pid_save "$D/$n/watch.pid" $!
	done
	for n in $(lab_nodes); do
		wait_for 5 watch_complete "$n" || die "cpg-watch of $n: $(cat "$D/$n/watch.err")"
	done
}

watch_complete() { # node: it sees all others
	tail -n 1 "$D/$1/watch" | grep -q " members $(lab_nodes | tr -d n | tr '\n' ' ')"
}

watch_stop() {
	local n pid
	for n in $(lab_nodes); do
		pid=$(pid_load "$D/$n/watch.pid") && kill -KILL "$pid"
	done
	return 0
}

# From the failure to the change at a surviving member, ms.
detect_ms() { # survivor victim kill_us
	awk -v t0="$3" -v id="${2#n}" '
		{ t = $1; sub(/\./, "", t) }
		t > t0 && match($0, " left .* ?" id ":") && !done {
			printf "%.1f", (t - t0) / 1000
			done = 1
		}' "$D/$1/watch"
}
