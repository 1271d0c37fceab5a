/*
 * The reader against emo-stream(5), rule by rule: streams that are right but for one thing, so that
 * the rule itself is met.
 */
#define PATH "reader.emo"
#include "frames.h"

/* HEAD, two RECORDs, END, of which frame number after lies. */
static void refused(void (*what)(void *), size_t after, const char *says)
{
    reset(what, after);
    head();
    record(0, NULL, 0);
    record(1, NULL, 0);
    end(NULL);
    if (read_stored() != EMO_INPUT || strstr(err.text, says) == NULL) {
        fprintf(stderr, "frame %zu: wanted a message with \"%s\", got \"%s\"\n", after, says,
                err.text);
        exit(1);
    }
    CHECK(strncmp(err.text, PATH ": ", strlen(PATH) + 2) == 0);
}

LIE(head, h_major, f->major = 2)
LIE(head, h_major0, f->major = 0)
LIE(head, h_must, f->must = 0x8000)
LIE(head, h_kind0, f->kind = 0)
LIE(head, h_kind5, f->kind = 5)
LIE(head, h_model, f->kind = EMO_MODEL)
LIE(head, h_zero16, f->zero16 = 1)
LIE(head, h_zero64, f->zero64 = UINT64_C(1) << 63)
LIE(head, h_cap, f->text_length = (1u << 20) + 1; f->frame_length = 64 + (1u << 20) + 64)
LIE(head, h_length, f->frame_length += 64)
LIE(head, h_length_max, f->frame_length = UINT64_MAX)
LIE(head, h_shards0, f->shards = 0)
LIE(head, h_shard, f->shard = 1)
LIE(head, h_shards, f->shards = EMO_CAP_SHARDS + 1)
LIE(head, h_text_crc, f->text_crc ^= 1)
LIE(head, h_may, f->may = 0xffff; f->minor = 77)
LIE(record, r_must, f->must = 1)
LIE(record, r_tag, f->tag[3] = 'S')
LIE(record, r_metadata_cap, f->metadata_length = (64u << 10) + 1; f->frame_length += (64u << 10) + 64)
LIE(record, r_dtype0, f->dtype = 0)
LIE(record, r_dtype8, f->dtype = 8)
LIE(record, r_rank, f->rank = 5)
LIE(record, r_dim0, f->dim[0] = 0)
LIE(record, r_dim1, f->dim[1] = 1)
LIE(record, r_overflow, f->rank = 4; f->dtype = EMO_F64; memset(f->dim, 0xff, 16))
LIE(record, r_wraps, f->rank = 3; f->dtype = EMO_F64; f->dim[0] = 1u << 31; f->dim[1] = 1u << 30;
    f->dim[2] = 1)
LIE(record, r_cap, f->dim[0] = (1u << 30) + 1; f->frame_length = 64 + (1u << 30) + 64)
LIE(record, r_length, f->frame_length -= 64)
LIE(record, r_length_max, f->frame_length = UINT64_MAX - 63)
LIE(record, r_split, f->split = 4)
LIE(record, r_order, f->order = 4)
LIE(record, r_label_low, f->label = -2)
LIE(record, r_label_high, f->label = 2)
LIE(record, r_data_crc, f->data_crc ^= 0x80000000u)
LIE(record, r_metadata_crc, f->metadata_crc = 1)
LIE(record, r_may, f->may = 0xffff)
LIE(end, e_must, f->must = 2)
LIE(end, e_zero, f->zero64 = 1)
LIE(end, e_status, f->status = 2)
LIE(end, e_length, f->frame_length += 64)
LIE(end, e_head, f->head_crc ^= 1)
LIE(end, e_count_low, f->record_count = 1)
LIE(end, e_count_high, f->record_count = 3)
LIE(end, e_segment, f->segment_length -= 64)
LIE(end, e_running, f->running_crc ^= 1)
LIE(end, e_text_crc, f->text_crc = 5)
LIE(end, e_may, f->may = 0xffff)
LIE(end, e_text_cap, f->status = 1; f->text_length = 4097; f->frame_length = 64 + 4160)

static void rules(void)
{
    static const struct {
        void (*lie)(void *);
        size_t frame;
        const char *says;
    } wrong[] = {
        {h_major, 0, "newer version"},      {h_major0, 0, "version 0"},
        {h_must, 0, "newer version"},       {h_kind0, 0, "unknown kind"},
        {h_kind5, 0, "unknown kind"},       {h_model, 0, "model"},
        {h_zero16, 0, "reserved"},          {h_zero64, 0, "reserved"},
        {h_cap, 0, "cap"},                  {h_length, 0, "lengths"},
        {h_length_max, 0, "lengths"},       {h_shards0, 0, "shard"},
        {h_shard, 0, "shard"},              {h_shards, 0, "shard"},
        {h_text_crc, 0, "CRC"},             {r_must, 1, "newer version"},
        {r_tag, 1, "record 1"},             {r_metadata_cap, 1, "cap"},
        {r_dtype0, 1, "type"},              {r_dtype8, 1, "type"},
        {r_rank, 2, "record 2"},            {r_dim0, 2, "dimensions"},
        {r_dim1, 2, "dimensions"},          {r_overflow, 1, "dimensions"},
        {r_wraps, 1, "dimensions"},         {r_cap, 1, "cap"},
        {r_length, 1, "lengths"},           {r_length_max, 2, "lengths"},
        {r_split, 1, "field"},              {r_order, 1, "field"},
        {r_label_low, 1, "label"},          {r_label_high, 2, "label"},
        {r_data_crc, 2, "record 2"},        {r_metadata_crc, 1, "CRC"},
        {e_must, 3, "newer version"},       {e_zero, 3, "end mark"},
        {e_status, 3, "end mark"},          {e_length, 3, "lengths"},
        {e_head, 3, "another stream"},      {e_count_low, 3, "number of records"},
        {e_count_high, 3, "number of rec"}, {e_segment, 3, "length"},
        {e_running, 3, "running CRC"},      {e_text_crc, 3, "CRC"},
        {e_text_cap, 3, "end mark"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        refused(wrong[i].lie, wrong[i].frame, wrong[i].says);
    static void (*const right[])(void *) = {h_may, r_may, r_may, e_may};
    for (size_t i = 0; i < 4; i++) {
        reset(right[i], i);
        head();
        record(0, NULL, 0);
        record(1, NULL, 0);
        end(NULL);
        CHECK(read_stored() == EMO_OK && id_count == 2);
    }
    printf("%zu rules of headers, and bits that may be set\n", sizeof wrong / sizeof *wrong);
}

static void padding(void)
{
    for (int i = 0; i < 4; i++) {
        size_t at[4];
        reset(NULL, 0);
        head();
        at[0] = length - 1;
        record(0, "\x01\x01\0\0\0\0\0\0k", 9);
        at[1] = length - 65;
        at[2] = length - 62;
        end("why");
        at[3] = length - 1;
        CHECK(read_stored() == EMO_INPUT && id_count == 1);
        SAID("why");
        bytes[at[i]] = 0x10;
        CHECK(read_stored() == EMO_INPUT && id_count == (i < 3 ? 0 : 1));
        SAID("padding");
    }
    puts("padding must be zero");
}

static void texts(void)
{
    static const char *const wrong[][2] = {
        {"@CLASS\t0\ta", "no end"},
        {"x\n", "begin with @"},
        {"\n", "begin with @"},
        {"@CLASS\n", "without a name"},
        {"@CLASS\t\n", "without a name"},
        {"@CLASS\t0\n", "without a name"},
        {"@CLASS\t1\ta\n", "numbered"},
        {"@CLASS\t0\ta\n@CLASS\t2\tb\n", "numbered"},
        {"@CLASS\t0\ta\n@CLASS\t0\tb\n", "numbered"},
        {"@CLASS\t-0\ta\n", "numbered"},
        {"@CLASS\t0\ta\tb\n", "numbered"},
        {"@CLASS\t0\tb\n@CLASS\t1\ta\n", "byte order"},
        {"@CLASS\t0\ta\n@CLASS\t1\ta\n", "byte order"},
        {"@CLASS\t0\t\xc3\n@CLASS\t1\tz\n", "byte order"},
        {"@CLASS\t0\ta\\q\n", "escaped"},
        {"@CLASS\t0\ta\\x00\n", "escaped"},
        {"@CLASS\t0\ta\\\n", "escaped"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        reset(NULL, 0);
        head_text(wrong[i][0], strlen(wrong[i][0]));
        end(NULL);
        CHECK(read_stored() == EMO_INPUT);
        SAID(wrong[i][1]);
        SAID(PATH);
    }
    reset(NULL, 0);
    head_text("@X\t\0\n", 5);
    end(NULL);
    CHECK(read_stored() == EMO_INPUT);
    reset(NULL, 0);
    static const char mixed[] = "@CLASSY\n@A\n@CLASS\t0\t\\x01\n@B\tc\n@CLASS\t1\tz\n";
    head_text(mixed, strlen(mixed));
    end(NULL);
    CHECK(read_stored() == EMO_OK);
    puts("rules of HEAD text");
}

static void metadata(void)
{
#define META(s) {s, sizeof s - 1}
    static const struct {
        const char *at;
        size_t n;
    } wrong[] = {
        META("\x01"), META("\x01\x01\0\0\0\0\0"), META("\x01\x01\0\0\0\0\0\0"),
        META("\x01\x00\0\0\0\0\0\0"), META("\x01\x01\x01\0\0\0\0\0k"),
        META("\x01\x01\0\x80\0\0\0\0k"), META("\x01\x01\0\0\x01\0\0\0k"),
        META("\x01\x01\0\0\xff\xff\xff\xffk"), META("\x01\xff\0\0\0\0\0\0k"),
        META("\x01\x01\0\0\0\0\0\0\0"), META("\x03\x01\0\0\x07\0\0\0k1234567"),
        META("\x84\x01\0\0\x09\0\0\0k123456789"), META("\x05\x01\0\0\x09\0\0\0k123456789"),
        META("\x01\x01\0\0\0\0\0\0b\x01\x01\0\0\0\0\0\0a"),
        META("\x01\x01\0\0\0\0\0\0a\x01\x01\0\0\0\0\0\0a"),
        META("\x01\x02\0\0\0\0\0\0aa\x01\x01\0\0\0\0\0\0a"),
        META("\x01\x01\0\0\0\0\0\0\xff\x01\x01\0\0\0\0\0\0a"),
        META("\x01\x01\0\0\0\0\0\0a\0"),
    }, right[] = {
        META("\x7f\x01\0\0\x01\0\0\0k1"), META("\x01\x01\0\0\0\0\0\0a\x01\x02\0\0\0\0\0\0aa"),
        META("\x80\x01\0\0\0\0\0\0a\x00\x01\0\0\0\0\0\0\xff"), META("\x05\x01\0\0\0\0\0\0k"),
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong + sizeof right / sizeof *right; i++) {
        bool good = i >= sizeof wrong / sizeof *wrong;
        size_t k = good ? i - sizeof wrong / sizeof *wrong : i;
        reset(NULL, 0);
        head();
        record(0, good ? right[k].at : wrong[k].at, good ? right[k].n : wrong[k].n);
        end(NULL);
        if (read_stored() != (good ? EMO_OK : EMO_INPUT)) {
            fprintf(stderr, "metadata %zu is %s\n", k, good ? "refused" : "taken");
            exit(1);
        }
    }
    puts("rules of metadata");
}

int main(void)
{
    rules();
    padding();
    texts();
    metadata();
    CHECK(unlink(PATH) == 0);
    return 0;
}
