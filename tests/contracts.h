/* Included before each source that is analysed: what the analysers, which look at one source at a
   time, cannot know of functions in another. */
#include "base/error.h"
#include "stream/writer.h"

/* What reports an error returns its status. */
static inline int emo_is_error(int status)
{
    if (status == EMO_OK)
        __builtin_unreachable();
    return status;
}

#define emo_error(...) emo_is_error(emo_error(__VA_ARGS__))
#define emo_error_errno(...) emo_is_error(emo_error_errno(__VA_ARGS__))
#define emo_error_memory(...) emo_is_error(emo_error_memory(__VA_ARGS__))
#define emo_error_prefix(...) emo_is_error(emo_error_prefix(__VA_ARGS__))

/* What ends a stream after a failure fails, too. */
static inline int emo_stays_error(int before, int after)
{
    if (before != EMO_OK && after == EMO_OK)
        __builtin_unreachable();
    return after;
}

#define emo_writer_close(writer, reader, program, status, err)                                     \
    emo_stays_error(status, emo_writer_close(writer, reader, program, status, err))
