#!/usr/bin/env python3
"""Which code a plain life runs, step by step, held against `hot.ld`, which has it stand together in the file.

    tests/hot.py            each instruction that app-init executes in plain use lies in the section for it
    tests/hot.py --write    write the list in hot.ld anew (`make hot`), for the binary to be linked again

The binary is target/static/app-init, or $APP_INIT_BIN; for --write its linker's map has to be beside it. It runs as
PID 1 with a /proc of its own and with that outside, and as an ordinary process, so this wants to be root.
"""
import ctypes
import os
import re
import signal
import struct
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BINARY = os.environ.get("APP_INIT_BIN") or os.path.join(ROOT, "target/static/app-init")
SCRIPT = os.path.join(ROOT, "hot.ld")

# <sys/ptrace.h>, <elf.h>, <sched.h>, <sys/mount.h>
TRACEME, CONT, SINGLESTEP, DETACH, SETOPTIONS, GETEVENTMSG, GETREGSET = 0, 7, 9, 17, 0x4200, 0x4201, 0x4204
O_TRACEFORK, O_TRACECLONE, O_TRACEEXEC, O_EXITKILL = 0x2, 0x8, 0x10, 0x100000
EVENT_FORK, EVENT_CLONE, EVENT_EXEC = 1, 3, 4
NT_PRSTATUS = 1
NEWNS, NEWPID = 0x20000, 0x20000000
PRIVATE = 0x4000 | 0x40000
# The place of the program counter among the registers.
COUNTER = {"x86_64": 16, "aarch64": 32}[os.uname().machine]

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def call(function, *arguments):
    if function(*arguments) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(arguments))


class Registers(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


BUFFER = (ctypes.c_uint64 * 64)()
REGISTERS = Registers(ctypes.addressof(BUFFER), ctypes.sizeof(BUFFER))


def counter(pid):
    REGISTERS.length = ctypes.sizeof(BUFFER)
    call(libc.ptrace, GETREGSET, pid, NT_PRSTATUS, ctypes.addressof(REGISTERS))
    return BUFFER[COUNTER]


# What is sent once the server runs. All signals are held, so they are taken when app-init comes to its wait.
LIVES = {
    "ends by itself": (["true"], []),
    "is signalled and stopped": (["sleep", "1000"], [signal.SIGURG, signal.SIGTERM]),
}
PLACES = ["as PID 1", "as PID 1 with the /proc outside", "below another init"]


def begin(place, command):
    """Starts app-init, stopped before its first instruction; its pid."""
    if place != PLACES[2]:
        # For the children to come.
        call(libc.unshare, NEWPID)
    pid = os.fork()
    if pid:
        return pid
    try:
        if place == PLACES[0]:
            call(libc.unshare, NEWNS)
            call(libc.mount, None, b"/", None, PRIVATE, None)
            call(libc.mount, b"proc", b"/proc", b"proc", 0, None)
        call(libc.ptrace, TRACEME, 0, None, None)
        os.chdir("/")
        os.execve(BINARY, ["app-init", "--", *command], {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/"})
    finally:
        os._exit(127)


def live(place, command, signals, executed):
    """One life of app-init: adds the address of each instruction of its own, in the forked child too."""
    first = begin(place, command)
    os.waitpid(first, 0)
    call(libc.ptrace, SETOPTIONS, first, None, O_TRACEFORK | O_TRACECLONE | O_TRACEEXEC | O_EXITKILL)
    stepped = {first}
    call(libc.ptrace, SINGLESTEP, first, None, None)
    while stepped:
        pid, status = os.waitpid(-1, 0x40000000)
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            stepped.discard(pid)
            if pid == first:
                return status
            continue
        event = status >> 16
        if event == EVENT_EXEC:
            # The server: none of app-init's instructions any more.
            call(libc.ptrace, DETACH, pid, None, None)
            stepped.discard(pid)
            for number in signals:
                os.kill(first, number)
            continue
        if event not in (EVENT_FORK, EVENT_CLONE):
            stepped.add(pid)
        executed.add(counter(pid))
        call(libc.ptrace, SINGLESTEP, pid, None, None)


def trace():
    executed = set()
    for place in PLACES:
        for name, (command, signals) in LIVES.items():
            # A process has one namespace for its children, so each life has a tracer of its own.
            read, write = os.pipe()
            tracer = os.fork()
            if tracer == 0:
                try:
                    own = set()
                    status = live(place, command, signals, own)
                    wanted = 128 + signal.SIGTERM if signals else 0
                    if os.waitstatus_to_exitcode(status) != wanted:
                        raise SystemExit(f"hot: {place}, a server that {name}: ended with {status:#x}")
                    with os.fdopen(write, "wb") as out:
                        out.write(struct.pack(f"{len(own)}Q", *own))
                    os._exit(0)
                except BaseException as error:  # It must not go on as its parent does.
                    print(f"hot: {error}", file=sys.stderr)
                    os._exit(1)
            os.close(write)
            with os.fdopen(read, "rb") as found:
                data = found.read()
            if os.waitstatus_to_exitcode(os.waitpid(tracer, 0)[1]) != 0:
                raise SystemExit(1)
            executed.update(struct.unpack(f"{len(data) // 8}Q", data))
    return executed


def sections():
    """Name, address and size of each section of the binary."""
    with open(BINARY, "rb") as file:
        data = file.read()
    offset, = struct.unpack_from("<Q", data, 40)
    size, count, names = struct.unpack_from("<HHH", data, 58)
    headers = [struct.unpack_from("<IIQQQQ", data, offset + place * size) for place in range(count)]
    start = headers[names][4]
    name = lambda place: data[start + place : data.index(b"\0", start + place)].decode()
    return [(name(place), address, length) for place, _, _, address, _, length in headers if address]


def inputs():
    """Address, size and name of each input section, of the linker's map."""
    found, name = [], None
    with open(os.path.join(os.path.dirname(BINARY), "app-init.map")) as file:
        for line in file:
            alone = re.fullmatch(r" (\.\S+)\s*", line)
            if alone:
                name = alone[1]
                continue
            parts = re.match(r" (\.\S+)?\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)\s+\S", line)
            if parts and (parts[1] or name) and int(parts[3], 16):
                found.append((int(parts[2], 16), int(parts[3], 16), parts[1] or name))
            name = None
    return sorted(found)


def pattern(name):
    """The name without what differs from build to build: hashes of crates, numbers of impls, places of repetitions, and
    the crate in which a generic function was made."""
    if "_R" not in name:
        return name
    name = re.sub(r"(?<=[CMX])s[0-9A-Za-z]*_", "*", name)
    name = re.sub(r"([MX])(?=Nt|C)", r"\1*", name)
    name = re.sub(r"B[0-9A-Za-z]*_", "*", name)
    name = re.sub(r"C\*?[0-9]+(app_init|toml\w*|winnow|log|env_\w+|nix)$", "*", name)
    return re.sub(r"\*+", "*", name)


HEAD = """/* Added to the linker's own script. What a plain init runs stands together at the start of the file, its constants behind
   it; everything else is cold. The kernel maps the pages around one that is used, and takes a fault for each such group.

   The list is what `tests/hot.py` has seen an init execute, and `make hot` writes it anew. A function that is missing here
   is cold and works all the same; that test finds it. */
"""


def write(executed):
    found = inputs()
    hot = {name for start, size, name in found if any(start <= address < start + size for address in executed)}
    code = sorted({pattern(name) for name in hot if name.startswith(".text.")})
    lines = [HEAD, "SECTIONS", "{", "  .text.hot :", "  {", "    *(.text)"]
    lines += [f"    *({name})" for name in code]
    lines += ["  }", "}", "INSERT BEFORE .text;", "", "SECTIONS", "{", "  .rodata.hot :", "  {"]
    lines += ["    *(.rodata.hot.*)", "    *(.rodata.cst*)"]
    tables = {name for _, _, name in found if name.startswith(".rodata._R")}
    lines += [f"    *({pattern(name)})" for name in sorted(tables) if name.replace(".rodata", ".text", 1) in hot]
    lines += ["  }", "}", "INSERT BEFORE .rodata;", ""]
    tail = open(SCRIPT).read().split("/* The rest */", 1)
    lines += ["/* The rest */" + tail[1].rstrip("\n")] if len(tail) == 2 else []
    with open(SCRIPT, "w") as out:
        out.write("\n".join(lines) + "\n")
    print(f"hot: {len(code)} functions in hot.ld; link again and check")


def check(executed):
    known = {name: (address, size) for name, address, size in sections()}
    if ".text.hot" not in known:
        raise SystemExit(f"hot: {BINARY} has no section .text.hot: it was linked without hot.ld")
    wanted = [known[name] for name in (".text.hot", ".init", ".fini") if name in known]
    odd = sorted(at for at in executed if not any(start <= at < start + size for start, size in wanted))
    try:
        names = inputs()
    except FileNotFoundError:
        names = []
    strange = {next((name for start, size, name in names if start <= at < start + size), hex(at)) for at in odd}
    for name in sorted(strange):
        print(f"hot: {name} is executed in plain use, and cold: call it elsewhere, or run `make hot` and link again")
    start, size = known[".text.hot"]
    pages = {at // 4096 for at in executed}
    print(f"hot: {len(executed)} addresses in {len(pages)} pages; the section has {size} bytes from {start:#x} on")
    return 1 if strange else 0


def main():
    executed = {at for at in trace() if at < 1 << 40}
    if sys.argv[1:] == ["--write"]:
        write(executed)
        return 0
    return check(executed)


sys.exit(main())
