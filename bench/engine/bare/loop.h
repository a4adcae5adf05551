// What the bare programs have in common: they do with photographs what
// minilab-engine does, without a process around it. They are compiled and driven
// by the command in the folder above. A line on their input
//
//	OPERATION QUALITY PATH
//
// is one image; they answer "ok BYTES" or what went wrong.
#ifndef BARE_LOOP_H
#define BARE_LOOP_H

#include <stddef.h>

// Each program has its own. Prepare returns nonzero if there is no use in going
// on; develop returns what went wrong, or NULL.
int prepare(void);
const char *develop(const char *operation, int quality, const char *path, int output);

// Map maps a whole file to be read; it returns NULL if it cannot.
const unsigned char *map(const char *path, size_t *length);
void unmap(const unsigned char *data, size_t length);

#endif
