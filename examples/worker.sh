#!/bin/sh
# A minilab worker in sh and curl: it archives images. README.md says how to
# run it, docs/worker-protocol.md why it is so.
set -u
master=${MINILAB_MASTER:-http://127.0.0.1:8084}
dir=$(mktemp -d) && cd "$dir" || exit 1
trap 'rm -rf "$dir"' EXIT

# The token of a lab that has a secret is a header in a file: the arguments of a
# process can be read by everybody on the machine.
printf '%s' "${MINILAB_TOKEN:+Authorization: Bearer $MINILAB_TOKEN}" >token

stopping=
trap 'stopping=1' TERM INT

# post PATH [JSON] prints the status, 000 where nobody answers; the answer is in the file answer.
post() {
	json='{}'
	curl --silent --header @token --max-time 30 --output "${answer:-answer}" --write-out '%{http_code}' \
		--header 'Content-Type: application/json' --data-raw "${2:-$json}" "$master/$1" || :
}

# field NAME prints the value of the first field of that name of the JSON on standard input.
field() { tr ',{}[]' '\n' | sed -n "s/^\"$1\":\"\{0,1\}\([^\"]*\)\"\{0,1\}\$/\1/p" | head -n 1; }

escape() { sed 's/%/%25/g; s/+/%2B/g; s/&/%26/g; s/=/%3D/g'; }

# heartbeats keeps the lease. Once it is lost there is a file of that name and the download ends.
heartbeats() {
	third=$(awk "BEGIN { print $lease_seconds / 3 }")
	missed=0
	while sleep "$third"; do
		case $(answer=/dev/null post "heartbeat?$ticket") in
		200) missed=0 ;;
		409) missed=9 ;;
		*) missed=$((missed + 1)) ;;
		esac
		if [ "$missed" -ge 2 ]; then
			: >lost
			kill "$1"
			return
		fi
	done
}

failed() { post "workFailed?$ticket" "{\"code\":\"$1\",\"detail\":\"$2\",\"retry\":$3}" >/dev/null; }

# kind prints the type of an image by its first bytes.
kind() {
	case $(head -c 12 source | od -An -tx1 | tr -d ' \n') in
	89504e470d0a1a0a*) echo image/png ;;
	ffd8ff*) echo image/jpeg ;;
	474946383[79]61*) echo image/gif ;;
	52494646????????57454250) echo image/webp ;;
	esac
}

# store uploads the image under every key that is wanted, and prints the list of them.
store() {
	sed 's/.*"outputs":\[//; s/"pipeline":\[[^]]*\],*//g' answer | tr '{' '\n' | grep '"key"' | while read -r output; do
		curl --silent --header @token --show-error --fail --max-time 60 --output /dev/null --header "Content-Type: $type" \
			--upload-file source "$(printf %s "$output" | field url)" || exit 1
		printf '{"name":"%s","key":"%s","size":%s,"sha256":"%s","contentType":"%s"},' \
			"$(printf %s "$output" | field name)" "$(printf %s "$output" | field key)" "$size" "$sum" "$type"
	done
}

# finish repeats the report until it is answered, for the same report again is the same report.
finish() {
	facts="{\"sha512\":\"$(sha512sum <source | cut -d ' ' -f 1)\"}"
	while [ ! -e lost ]; do
		case $(answer=/dev/null post "workFinished?$ticket" "{\"outputs\":[${1%,}],\"facts\":$facts}") in
		000 | 5??) sleep 1 ;;
		200 | 409) return ;;
		*) failed worker-io "The report was refused." true; return ;;
		esac
	done
}

archive() {
	type=$(kind)
	sum=$(sha256sum <source | cut -d ' ' -f 1)
	size=$(wc -c <source | tr -d ' ')
	if [ "$sum" != "$(sed 's/"outputs":.*//' answer | field sha256)" ]; then
		failed worker-io "The source was damaged on its way." true
	elif [ -z "$type" ]; then
		failed not-an-image "These bytes are no PNG, JPEG, GIF or WebP." false
	elif outputs=$(store); then
		[ -e lost ] || finish "$outputs"
	else
		failed worker-io "The result could not be stored." true
	fi
}

work_on() {
	rm -f lost
	ticket="id=$(field id <answer)&lease=$(field lease <answer | escape)"
	lease_seconds=$(field leaseSeconds <answer)
	curl --silent --header @token --show-error --fail --output source "$(field url <answer)" &
	fetch=$!
	heartbeats "$fetch" >/dev/null 2>&1 &
	beats=$!
	wait "$fetch"
	fetched=$?
	if [ -e lost ]; then
		: # whoever has the task now does it
	elif [ -n "$stopping" ]; then
		kill "$fetch" 2>/dev/null
		answer=/dev/null post "workReleased?$ticket" >/dev/null
	elif [ "$fetched" -ne 0 ]; then
		failed worker-io "The source could not be read." true
	else
		archive
	fi
	kill "$beats" 2>/dev/null
	wait "$beats" 2>/dev/null
}

while [ -z "$stopping" ]; do
	case $(post "getWork?worker=shell-$$&accepts=archive&wait=5s") in
	200) work_on ;;
	204) ;;
	*) sleep 1 ;;
	esac
done
