# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# Clients. Each profile is a user with a namespace of its own, so that tunnels do not share routes:
#   busy    c1, traffic at all times            idle    c3, not a packet before the failure
#   nat     c2, behind the strict router r1     nodtls  c4, DTLS switched off
#   load    c1, many sessions of tandem-load

client_profile() { # name or namespace -> profile
	case ${1:-} in
	'' | c1 | busy) echo busy ;;
	c2 | nat) echo nat ;;
	c3 | idle) echo idle ;;
	c4 | nodtls) echo nodtls ;;
	load) echo load ;;
	*) die "no client '$1' (busy or c1, nat or c2, idle or c3, nodtls or c4, load)" ;;
	esac
}

client_ns() { # profile
	case $1 in
	busy | load) echo c1 ;;
	nat) echo c2 ;;
	idle) echo c3 ;;
	nodtls) echo c4 ;;
	esac
}

client_dir() { # profile
	printf '%s/client-%s' "$D" "$1"
}

client_pid() { # profile
	pid_load "$(client_dir "$1")/pid"
}

# openconnect's own log has whole seconds: every line gets the time at which it came.
client_start() { # profile
	local dir opts=()
	dir=$(client_dir "$1")
	client_pid "$1" >/dev/null && die "client $1 is already up"
	rm -rf "$dir"
	mkdir -p "$dir"
	: >"$dir/events"
	[ "$1" != nodtls ] || opts+=(--no-dtls)
	# shellcheck disable=SC2016
	LAB_CLIENT=$dir detach nsenter --net="/run/netns/$(ns_name "$(client_ns "$1")")" bash -c '
		dir=$1 password=$2
		shift 2
		stamp() {
			while IFS= read -r line; do
				printf "%s %s\n" "$EPOCHREALTIME" "$line"
			done
		}
		{
			echo $BASHPID >"$dir/started"
			exec "$@" <"$password"
		} 2>&1 | stamp >"$dir/log"' bash "$dir" "$D/etc/password" \
		openconnect --verbose --non-inter --user="$1" --passwd-on-stdin \
		--servercert="pin-sha256:$(cat "$D/etc/server.pin")" \
		--interface=tun0 --script="$LAB/openconnect-hook" --reconnect-timeout=300 \
		"${opts[@]}" "https://$SERVICE_ADDR:$SERVICE_PORT/" >/dev/null 2>&1
	wait_for 5 test -s "$dir/started" || die "cannot start openconnect"
	pid_save "$dir/pid" "$(cat "$dir/started")"
}

client_connected() { # profile: ready, or dead
	file_has "$(client_dir "$1")/events" ' connect ' || ! client_pid "$1" >/dev/null
}

client_wait() { # profile seconds
	wait_for "$2" client_connected "$1" && client_pid "$1" >/dev/null && return 0
	tail -n 5 "$(client_dir "$1")/log" >&2
	return 1
}

client_address() { # profile: as the server sent it last
	awk '$3 != "-" { a = $3 } END { print a }' "$(client_dir "$1")/events"
}

client_up() { # profile
	local p
	p=$(client_profile "${1:-}")
	if [ "$p" = load ]; then
		load_hold_start "${2:-200}"
		return
	fi
	client_start "$p"
	client_wait "$p" 30 || die "client $p did not come up"
	say "client $p up in namespace $(ns_name "$(client_ns "$p")"): $(client_address "$p") on tun0," \
		"log $(client_dir "$p")/log"
}

# TERM makes openconnect say goodbye: the session ends on the server too.
client_down() { # profile
	local p pid
	p=$(client_profile "${1:-}")
	pid=$(client_pid "$p") || die "client $p is not up"
	pid_stop "$pid" 5
	say "client $p down"
}

clients_stop_all() {
	local dir pid
	for dir in "$D"/client-*; do
		pid=$(pid_load "$dir/pid" 2>/dev/null) && pid_stop "$pid" 3
	done
	return 0
}

# tandem-load against the service address, from c1. LOAD is the command.
load_command() { # mode options...
	local mode=$1
	shift
	LOAD=(nsenter --net="/run/netns/$(ns_name c1)" "$BIN/tandem-load" "$mode"
		--server "$SERVICE_ADDR:$SERVICE_PORT" --user load --password-file "$D/etc/password"
		--ca "$D/etc/server.crt" --json "$@")
}

load_run() { # mode options...
	load_command "$@"
	"${LOAD[@]}"
}

# In the background: summary in OUT.json, what it says in OUT.log, pid in OUT.pid.
load_start() { # OUT mode options...
	local out=$1
	shift
	load_command "$@"
	detach "${LOAD[@]}" >"$out.json" 2>"$out.log"
	pid_save "$out.pid" $!
}

load_hold_start() { # sessions
	local dir
	dir=$(client_dir load)
	client_pid load >/dev/null && die "client load is already up"
	rm -rf "$dir"
	mkdir -p "$dir"
	load_start "$dir/hold" hold --count "$1" --concurrency 16 --traffic 100 --ping "$HOST_INSIDE" \
		--tokens "$dir/tokens"
	mv "$dir/hold.pid" "$dir/pid"
}
