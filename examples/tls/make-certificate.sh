#!/bin/sh
# A certificate for localhost, of which only this machine knows: browsers warn once.
# mkcert (https://github.com/FiloSottile/mkcert) makes one that they trust.
set -e
[ -f cert.pem ] && [ -f key.pem ] && openssl x509 -in cert.pem -checkend 86400 -noout && exit
umask 077
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 \
  -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
  -keyout key.pem -out cert.pem
