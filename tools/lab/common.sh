# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# Words that every part of the lab uses: errors, time, waiting, processes.

LAB_TOOLS="ip nft nsenter unshare setsid ping corosync corosync-quorumtool openconnect jq openssl perl sysctl"

die() {
	printf 'tandem-lab: %s\n' "$*" >&2
	exit 1
}

# Progress goes to stderr: stdout belongs to the answer (a table, JSON, variables).
say() {
	[ -n "${QUIET:-}" ] || printf '%s\n' "$*" >&2
}

need_root() {
	[ "$(id -u)" = 0 ] || die "needs root (network namespaces): sudo $0 ${LAB_ARGS:-}"
}

need_tools() { # [more tools]
	local t missing=
	for t in $LAB_TOOLS "$@"; do
		command -v "$t" >/dev/null || missing="$missing $t"
	done
	[ -z "$missing" ] || die "not installed:$missing (tools/setup installs what the lab needs)"
}

# Microseconds of wall clock. LC_ALL=C makes the decimal separator a dot.
now_us() {
	printf '%s' "${EPOCHREALTIME/./}"
}

# A pause without a process: nothing ever arrives on this descriptor.
exec {NAP_FD}<> <(:)
nap() { # seconds
	read -rt "$1" -u "$NAP_FD" || :
}

# Poll a condition every 20 ms. Start-up waits on conditions, never on time alone.
wait_for() { # seconds command...
	local end=$((${EPOCHREALTIME/./} + $1 * 1000000))
	shift
	until "$@"; do
		[ "${EPOCHREALTIME/./}" -lt "$end" ] || return 1
		nap 0.02
	done
}

# Start a command in a session of its own. It inherits stdout and stderr only: a daemon must not
# keep a lock, a pipe or a terminal of whoever runs the lab.
detach() { # command...
	(
		for fd in /proc/self/fd/*; do
			fd=${fd##*/}
			[ "$fd" -le 2 ] || eval "exec $fd>&-" 2>/dev/null
		done
		exec setsid "$@" </dev/null
	) &
	disown # nothing is said when it is killed; $! stays
}

# State letter and start time of a process; the start time tells a reused pid from ours.
pid_stat() { # pid
	local s
	{ read -r s <"/proc/$1/stat"; } 2>/dev/null || return 1
	s=${s##*) }
	# shellcheck disable=SC2086
	set -- $s
	printf '%s %s\n' "$1" "${20}"
}

pid_alive() { # pid: running, and not a zombie that waits for a slow init
	local s
	[ -n "${1:-}" ] && s=$(pid_stat "$1") && [ "${s%% *}" != Z ] && [ "${s%% *}" != X ]
}

pid_gone() {
	! pid_alive "${1:-}"
}

# Pid files of the lab hold "pid starttime".
pid_save() { # file pid
	local s
	s=$(pid_stat "$2") || return 1
	printf '%s %s\n' "$2" "${s#* }" >"$1"
}

pid_load() { # file -> pid, when that very process still runs
	local pid start s
	{ read -r pid start <"$1"; } 2>/dev/null || return 1
	s=$(pid_stat "$pid") || return 1
	[ "${s%% *}" != Z ] && [ "${s#* }" = "$start" ] && printf '%s\n' "$pid"
}

# TERM, then KILL after some seconds.
pid_stop() { # pid seconds
	pid_alive "${1:-}" || return 0
	kill -CONT "$1" 2>/dev/null
	kill -TERM "$1" 2>/dev/null
	wait_for "$2" pid_gone "$1" && return 0
	kill -KILL "$1" 2>/dev/null
	wait_for 2 pid_gone "$1"
}

file_has() { # file extended-regexp
	grep -qE -- "$2" "$1" 2>/dev/null
}
