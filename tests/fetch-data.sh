#!/bin/bash
# Fetching a data set, from a server on this machine: checked, resumed, refused. ESC50_SHA256 and ESC10_SOUNDS_SHA256
# stand for the digests of the real archives.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$top/tests/project.sh"

# An archive as GitHub makes them, in served/, and a server that knows ranges, whose address is left in `url`.
serve() {
    mkdir served
    (cd "$scratch/$checks" && mv small ESC-50-master && /usr/bin/python3 -m zipfile -c esc.zip ESC-50-master)
    mv "$scratch/$checks/esc.zip" served/
    /usr/bin/python3 - >port 2>/dev/null <<'END' &
import http.server, re
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        data = open("served" + self.path, "rb").read()
        start = int((re.match(r"bytes=(\d+)-", self.headers.get("Range", "")) or [0, 0])[1])
        open("requests", "a").write("%d\n" % start)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", "bytes %d-%d/%d" % (start, len(data) - 1, len(data)))
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.wfile.write(data[start:])
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
END
    trap 'kill $server' EXIT
    server=$!
    while [ ! -s port ]; do sleep 0.05; done
    url=http://127.0.0.1:$(cat port)/esc.zip
    sha256=$(sha256sum <served/esc.zip)
    export ESC50_SHA256=${sha256%% *}
}

whole() {
    project
    serve
    make data DATASET=esc50 ESC50_URL="$url" >out 2>&1 || { cat out; return 1; }
    grep -q 'CC BY-NC' out
    [ "$(wc -l <data/prepared/esc50/clips.tsv)" -eq 101 ]
    [ ! -e data/esc50.zip.part ]
    make data DATASET=esc50 ESC50_URL="$url"
    [ "$(wc -l <requests)" -eq 1 ]
}

resumed() {
    project
    serve
    mkdir data
    dd if=served/esc.zip of=data/esc50.zip.part bs=1000 count=3 status=none
    make data DATASET=esc50 ESC50_URL="$url"
    [ "$(cat requests)" = 3000 ]
}

corrupted() {
    project
    serve
    printf x | dd of=served/esc.zip bs=1 seek=2000 conv=notrunc status=none
    ! make data DATASET=esc50 ESC50_URL="$url" >out 2>&1 || return 1
    cat out
    grep -q "sha256 found .*, expected $ESC50_SHA256; removed" out
    [ -z "$(find data -mindepth 1 ! -name .made)" ]
}

other_sounds() {
    project
    serve
    ! make data DATASET=esc10 ESC10_URL="$url" >out 2>&1 || return 1
    cat out
    grep -q "sha256 of its sounds found .*, expected 1129e846" out
    [ ! -e data/esc10 ]
}

offline() {
    project
    ! make data DATASET=esc50 ESC50_URL=http://127.0.0.1:9/esc.zip >out 2>&1 || return 1
    cat out
    grep -q 'esc50: curl: .*; the same command goes on later, or give ESC50_DIR=FOLDER' out
}

check "fetched, checked, unpacked, once" whole
check "an interrupted transfer goes on" resumed
check "a corrupted archive is refused" corrupted
check "other sounds are refused" other_sounds
check "offline: what to do" offline
done_testing
