/* For the unit tests: CHECK() says what was wrong, with the last error, and ends the test. */
#ifndef EMO_TESTS_CHECK_H
#define EMO_TESTS_CHECK_H

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct emo_error err;

#define CHECK(x)                                                                                   \
    do {                                                                                           \
        if (!(x)) {                                                                                \
            fprintf(stderr, "%s:%d: %s (%s)\n", __FILE__, __LINE__, #x, err.text);                 \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* The last error's text holds s. */
#define SAID(s) CHECK(strstr(err.text, (s)) != NULL)

#endif
