#define _GNU_SOURCE
#include "loop.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

const unsigned char *
map(const char *path, size_t *length)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat file;
	void *data = MAP_FAILED;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &file) == 0) {
		*length = file.st_size;
		data = mmap(NULL, *length, PROT_READ, MAP_PRIVATE, fd, 0);
	}
	close(fd);
	return data == MAP_FAILED ? NULL : data;
}

void
unmap(const unsigned char *data, size_t length)
{
	munmap((void *) data, length);
}

static void
answer(const char *operation, int quality, const char *path)
{
	int output = memfd_create("output", MFD_CLOEXEC);
	const char *fault = output < 0 ? "no memory file" : develop(operation, quality, path, output);
	struct stat made;

	if (fault == NULL && fstat(output, &made) == 0)
		printf("ok %lld\n", (long long) made.st_size);
	else
		printf("%s: %s\n", operation, fault);
	fflush(stdout);
	close(output);
}

int
main(void)
{
	char line[PATH_MAX + 64], operation[32], path[PATH_MAX];
	int quality;

	if (prepare())
		return 1;
	while (fgets(line, sizeof(line), stdin))
		if (sscanf(line, "%31s %d %4095[^\n]", operation, &quality, path) == 3)
			answer(operation, quality, path);
	return 0;
}
