#!/bin/sh
# Checks with openssl the request that a sandbox recorded (its signed message in FILE, the signature
# in FILE.sig) under the caller's certificate, and that one byte more breaks it.
set -eu
if [ $# -ne 2 ]; then
    echo "usage: openssl_check.sh RECORDED_FILE SANDBOX_DIRECTORY" >&2
    exit 2
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
openssl x509 -in "$2/keys/apiclient_cert.pem" -pubkey -noout >"$work/public.pem"
openssl dgst -sha256 -verify "$work/public.pem" -signature "$1.sig" "$1"
{ cat "$1"; echo; } >"$work/changed"
if openssl dgst -sha256 -verify "$work/public.pem" -signature "$1.sig" "$work/changed" >/dev/null 2>&1; then
    echo "FAIL a changed request verifies as well" >&2
    exit 1
fi
# The certificate says the serial number that the request's header carried.
openssl x509 -in "$2/keys/apiclient_cert.pem" -serial -noout
echo "ok   the request verifies, and not when it is changed"
