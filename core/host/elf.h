/* What a plugin file says about itself, read from the open file before any of its code has run.
 * Every offset is checked against the file: a shortened .so would kill the dynamic linker with
 * SIGBUS. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct elf_facts {
	uint16_t abi_major, abi_minor_built, abi_minor_needed;
	char id[64], version[24]; /* 0-terminated, printable */
	dev_t dev;
	ino_t ino;
	off_t bytes;
};

/* The note of the file behind fd. -ENOEXEC, -EIO or SB_E_CORRUPT with a sentence in why. */
int elf_read(int fd, struct elf_facts *out, char *why, size_t cap);
/* The same for bytes in memory: what elf_read() and the fuzz target share. */
int elf_parse(const uint8_t *p, size_t n, struct elf_facts *out, char *why, size_t cap);
