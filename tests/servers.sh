# Test helper: servers on 127.0.0.1, each started in a check and stopped at its end, and copies of a project with a run.
# Source it after tests/project.sh.
unset AWS_CA_BUNDLE # rclone 1.60 gives up on it
export RCLONE_CONFIG=$scratch/none.conf

# With a run of the small data set, trained once for the whole script.
trained_project() {
    if [ ! -e "$scratch/trained" ]; then
        project trained
        small_make local_train
        mv "$scratch/$checks/trained" "$scratch/trained"
        mv "$scratch/$checks/small" "$scratch/small"
    fi
    ln -s "$scratch/small" "$scratch/$checks/small"
    cd "$scratch/$checks"
    cp -a "$scratch/trained" project
    cd project
    small_make local_train
    trained 0
}

# clone NAME: goes to ../NAME, where nothing has been made but the tools.
clone() {
    mkdir "../$1"
    tar -cf - --exclude=./data --exclude=./results --exclude='./plots/*.p[dn][fg]' --exclude='./plots/selection.txt' \
        --exclude=./plots/.made --exclude=./said . | tar -xf - -C "../$1"
    cd "../$1"
}

# same_as_project [NAME=VALUE]...: what is made here has the bytes of what was made in ../project, and trained no epoch.
same_as_project() {
    small_make local_train "$@"
    trained 0
    ! grep '^prepare ' said
    (cd ../project && digests) | diff - <(digests)
}

# Every object and step of ../remote has the name of its bytes.
remote_is_right() {
    local file
    find ../remote/objects -type f | awk -F/ '{ print $NF "  " $0 }' | sha256sum --quiet -c
    find ../remote/steps -type f | while read -r file; do
        [ "$(sed 1d "$file" | sha256sum | cut -c 1-64)" = "$(basename "$file")" ]
    done
    [ ! -e ../remote/tmp ]
}

# Runs the command in the background until the check ends; its process in $server.
started() {
    "$@" >"$scratch/$checks/server.log" 2>&1 &
    server=$!
    trap '{ kill $server; wait $server; } 2>/dev/null || true' EXIT
}

free_port() {
    /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# answers PORT: waits until somebody listens there.
answers() {
    local i
    for i in {1..200}; do
        if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return; fi
        kill -0 "$server" || { cat "$scratch/$checks/server.log"; return 1; }
        sleep 0.1
    done
    echo "no server at port $1"
    return 1
}

# Each leaves its address in `address`; port in `port`, so that it can be started again there.
start_webdav() {
    port=${port-$(free_port)}
    mkdir -p "$scratch/$checks/webdav"
    started rclone serve webdav --addr "127.0.0.1:$port" "$scratch/$checks/webdav"
    answers "$port"
    address=":webdav,url='http://127.0.0.1:$port',vendor=other:share"
}

start_sftp() {
    local keys=$scratch/$checks/keys
    port=${port-$(free_port)}
    mkdir -p "$keys"
    [ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd
    [ -e "$keys/host" ] || { ssh-keygen -q -t ed25519 -N '' -f "$keys/host"; ssh-keygen -q -t ed25519 -N '' -f "$keys/user"; }
    cp "$keys/user.pub" "$keys/authorized"
    cat >"$keys/config" <<END
ListenAddress 127.0.0.1
Port $port
HostKey $keys/host
AuthorizedKeysFile $keys/authorized
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
Subsystem sftp internal-sftp
END
    started /usr/sbin/sshd -D -e -f "$keys/config"
    answers "$port"
    echo "[127.0.0.1]:$port $(cut -d ' ' -f 1,2 "$keys/host.pub")" >"$keys/known"
    export RCLONE_SFTP_KEY_FILE=$keys/user RCLONE_SFTP_KNOWN_HOSTS_FILE=$keys/known
    address=sftp://$(id -un)@127.0.0.1:$port$scratch/$checks/sftp
}

start_s3() {
    port=${port-$(free_port)}
    started "$top/build/venv/bin/moto_server" -H 127.0.0.1 -p "$port"
    answers "$port"
    export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
    address=":s3,provider=Other,env_auth=true,region=us-east-1,endpoint='http://127.0.0.1:$port',force_path_style=true:bucket/share"
}
