/* Runs a fuzz target over the files of a corpus folder, one TAP line for all of them: what once
 * broke a parser is an ordinary test. With libFuzzer the target brings its own main instead. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int one(const char *path)
{
	FILE *file = fopen(path, "rbe");
	struct stat st;
	uint8_t *data;
	size_t n;

	if (!file || fstat(fileno(file), &st) < 0 || !S_ISREG(st.st_mode)) {
		if (file)
			(void)fclose(file);
		return 0;
	}
	/* Exactly as large as the input, so that a sanitizer sees one byte too many. */
	data = malloc((size_t)st.st_size ? (size_t)st.st_size : 1);
	n = data ? fread(data, 1, (size_t)st.st_size, file) : 0;
	(void)fclose(file);
	if (data)
		(void)LLVMFuzzerTestOneInput(data, n);
	free(data);
	return 1;
}

int main(int argc, char **argv)
{
	int count = 0;

	for (int i = 1; i < argc; i++) {
		DIR *dir = opendir(argv[i]);
		struct dirent *entry;
		if (!dir)
			continue;
		while ((entry = readdir(dir))) {
			char path[4096];
			(void)snprintf(path, sizeof(path), "%s/%s", argv[i], entry->d_name);
			count += one(path);
		}
		(void)closedir(dir);
	}
	(void)printf("1..1\n%s 1 - %d inputs replayed\n", count ? "ok" : "not ok", count);
	return !count;
}
