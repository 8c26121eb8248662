"""Runs a program under the memory and system call rules of a unit, as systemd would: confined.py UNIT PROGRAM ARGUMENTS..."""
import ctypes
import os
import re
import subprocess
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 38, 65, 1
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | 1  # EPERM


def sets():
    """The sets of system calls, by name, as the installed systemd knows them."""
    found, name = {}, None
    said = subprocess.run(["systemd-analyze", "syscall-filter"], check=True, capture_output=True, text=True).stdout
    for line in said.splitlines():
        if line.startswith("@"):
            name = line.strip()
            found[name] = []
        elif name and (word := line.strip()) and not word.startswith("#"):
            found[name].append(word)
    return found


def calls(of, known):
    return {call for word in known[of] for call in (calls(word, known) if word.startswith("@") else {word})}


def main():
    with open(sys.argv[1], encoding="utf-8") as unit:
        settings = re.findall(r"^(\w+)=(.*)$", unit.read(), re.M)
    libc, seccomp = ctypes.CDLL(None), ctypes.CDLL("libseccomp.so.2")
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if ("MemoryDenyWriteExecute", "yes") in settings and libc.prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0):
        sys.exit("this kernel cannot refuse memory that is written and run")
    allowed, known = set(), sets()
    for words in (value for name, value in settings if name == "SystemCallFilter"):
        named = set().union(*(calls(word.lstrip("~"), known) for word in words.replace("~", "").split()))
        allowed = allowed - named if words.startswith("~") else allowed | named
    seccomp.seccomp_init.restype = ctypes.c_void_p
    rules = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(REFUSE)))
    for call in allowed | calls("@default", known):
        number = seccomp.seccomp_syscall_resolve_name(call.encode())
        if number >= 0:
            seccomp.seccomp_rule_add(rules, ctypes.c_uint32(ALLOW), number, 0)
    if seccomp.seccomp_load(rules):
        sys.exit("the filter cannot be loaded")
    os.execv(sys.argv[2], sys.argv[2:])


main()
