#include "cli/prompt.h"

#include <errno.h>
#include <limits.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

int prompt_secret(const char *label, char *out, size_t cap)
{
	struct termios was;
	bool tty = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &was) == 0;

	if (tty) {
		struct termios quiet = was;

		quiet.c_lflag &= ~(tcflag_t)ECHO;
		fprintf(stderr, "%s: ", label);
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	}
	const char *line = fgets(out, (int)cap, stdin);

	if (tty) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
		fputs("\n", stderr);
	}
	if (!line)
		return -ENODATA;
	out[strcspn(out, "\r\n")] = '\0';
	return 0;
}

void prompt_random(char out[static 21])
{
	static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789"; /* 32, none alike */
	unsigned char bytes[20];

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		memset(bytes, 0, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		out[i] = letters[bytes[i] % 32];
	out[20] = '\0';
}

int prompt_bytes(unsigned char *out, size_t n)
{
	return n <= INT_MAX && RAND_bytes(out, (int)n) == 1 ? 0 : -EIO;
}
