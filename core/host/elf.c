#include "host/elf.h"

#include <errno.h>
#include <link.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <signalbox/plugin.h>

#define MAX_FILE_BYTES (256LL << 20)
#define MAX_SEGMENTS   128
#define HEADER_BYTES   offsetof(struct sb_note, name)

/* Our own header, placed by the linker: what we are is what a plugin must be. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

struct image {
	const uint8_t *p;
	size_t n;
	char *why;
	size_t cap;
};

static int refuse(const struct image *im, int r, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(const struct image *im, int r, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	vsnprintf(im->why, im->cap, format, ap);
	va_end(ap);
	return r;
}

static bool inside(const struct image *im, uint64_t off, uint64_t len)
{
	return off <= im->n && len <= im->n - off;
}

static int check_header(const struct image *im, ElfW(Ehdr) * out)
{
	if (im->n < SELFMAG || memcmp(im->p, ELFMAG, SELFMAG) != 0)
		return refuse(im, -ENOEXEC, "not an ELF file");
	if (im->n < sizeof(*out))
		return refuse(im, SB_E_CORRUPT, "truncated: the ELF header is cut");
	memcpy(out, im->p, sizeof(*out));
	if (out->e_ident[EI_CLASS] != __ehdr_start.e_ident[EI_CLASS] ||
	    out->e_ident[EI_DATA] != __ehdr_start.e_ident[EI_DATA] ||
	    out->e_machine != __ehdr_start.e_machine)
		return refuse(im, -ENOEXEC, "built for another machine (%u, this is %u)",
		              (unsigned)out->e_machine, (unsigned)__ehdr_start.e_machine);
	if (out->e_type != ET_DYN)
		return refuse(im, -ENOEXEC, "not a shared object");
	if (out->e_phentsize != sizeof(ElfW(Phdr)) || out->e_phnum == 0 ||
	    out->e_phnum > MAX_SEGMENTS)
		return refuse(im, SB_E_CORRUPT, "damaged: its program headers make no sense");
	if (!inside(im, out->e_phoff, (uint64_t)out->e_phnum * sizeof(ElfW(Phdr))))
		return refuse(im, SB_E_CORRUPT, "truncated: its program headers are cut");
	return 0;
}

static uint64_t round_up(uint64_t n, uint64_t align)
{
	return (n + align - 1) & ~(align - 1);
}

/* Is text 0-terminated inside its field and printable? It goes to logs and to the console. */
static bool is_plain(const char *text, size_t cap)
{
	size_t n = strnlen(text, cap);
	if (n == cap || n == 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	return true;
}

static int take_note(const struct image *im, const uint8_t *p, size_t n, struct elf_facts *out)
{
	struct sb_note note;
	if (n < sizeof(note))
		return refuse(im, SB_E_CORRUPT, "its Signalbox note is too short");
	memcpy(&note, p, sizeof(note));
	if (!is_plain(note.id, sizeof(note.id)) || !is_plain(note.version, sizeof(note.version)))
		return refuse(im, SB_E_CORRUPT, "its Signalbox note has a bad id or version");
	out->abi_major = note.abi_major;
	out->abi_minor_built = note.abi_minor_built;
	out->abi_minor_needed = note.abi_minor_needed;
	memcpy(out->id, note.id, sizeof(out->id));
	memcpy(out->version, note.version, sizeof(out->version));
	return 1;
}

/* Walks one PT_NOTE segment; 1 when ours was found in it. */
static int walk_notes(const struct image *im, const uint8_t *p, uint64_t n, uint64_t align,
                      struct elf_facts *out)
{
	while (n >= HEADER_BYTES) {
		uint32_t head[3];
		memcpy(head, p, sizeof(head));
		uint64_t name = round_up(HEADER_BYTES + (uint64_t)head[0], align);
		uint64_t whole = round_up(name + head[1], align);
		if (name + head[1] > n)
			return refuse(im, SB_E_CORRUPT, "damaged: a note leaves its segment");
		if (head[2] == SB_NOTE_TYPE && head[0] == sizeof(SB_NOTE_NAME) &&
		    memcmp(p + HEADER_BYTES, SB_NOTE_NAME, sizeof(SB_NOTE_NAME)) == 0)
			return take_note(im, p, (size_t)(name + head[1]), out);
		if (whole >= n)
			break;
		p += whole;
		n -= whole;
	}
	return 0;
}

int elf_parse(const uint8_t *p, size_t n, struct elf_facts *out, char *why, size_t cap)
{
	const struct image im = { p, n, why, cap };
	ElfW(Ehdr) head = { 0 };
	int r = check_header(&im, &head);
	if (r < 0)
		return r;
	int found = 0;
	for (unsigned i = 0; i < head.e_phnum; i++) {
		ElfW(Phdr) ph;
		memcpy(&ph, p + head.e_phoff + i * sizeof(ph), sizeof(ph));
		if (ph.p_type != PT_LOAD && ph.p_type != PT_NOTE && ph.p_type != PT_DYNAMIC)
			continue;
		if (!inside(&im, ph.p_offset, ph.p_filesz))
			return refuse(&im, SB_E_CORRUPT,
			              "truncated: %zu bytes, a segment ends at %llu", n,
			              (unsigned long long)ph.p_offset + ph.p_filesz);
		if (ph.p_type != PT_NOTE || found)
			continue;
		found = walk_notes(&im, p + ph.p_offset, ph.p_filesz, ph.p_align == 8 ? 8 : 4, out);
		if (found < 0)
			return found;
	}
	if (!found)
		return refuse(&im, -ENOEXEC, "not a Signalbox plugin: it has no Signalbox note");
	return 0;
}

int elf_read(int fd, struct elf_facts *out, char *why, size_t cap)
{
	*out = (struct elf_facts){ 0 };
	const struct image im = { NULL, 0, why, cap };
	struct stat st;
	if (fstat(fd, &st) < 0)
		return refuse(&im, -errno, "cannot be examined");
	if (st.st_size < (off_t)sizeof(ElfW(Ehdr)) || st.st_size > MAX_FILE_BYTES)
		return refuse(&im, -ENOEXEC, "not a plugin: its size is %lld bytes",
		              (long long)st.st_size);
	void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return refuse(&im, -errno, "cannot be read");
	int r = elf_parse(map, (size_t)st.st_size, out, why, cap);
	munmap(map, (size_t)st.st_size);
	out->dev = st.st_dev;
	out->ino = st.st_ino;
	out->bytes = st.st_size;
	return r;
}
