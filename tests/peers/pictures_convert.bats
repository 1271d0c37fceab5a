# emo-convert beside netpbm and ffmpeg, in pipes.
# shellcheck shell=bash
load ../helper

setup() {
    T=$BATS_TEST_TMPDIR
    cd "$T" || return
    export PATH=$BUILD/unit:$PATH
    emo-unzip -q -s 24x32 --limit 5 -o photos.emo "$SAMPLE"
    make_stream --list photos.emo | cut -f 5,6 >want
}

# same: what comes in is pictures with the pixels of photos.emo.
same() {
    emo-convert -q -f pnm | make_stream --list | cut -f 5,6 | cmp want -
}

@test "netpbm takes the pictures, and gives them back" {
    command -v pnmfile >/dev/null || skip "netpbm is not installed"
    emo-convert -q -t pnm -o photos.ppm photos.emo
    pnmfile -allimages photos.ppm >list
    [ "$(grep -c 'PPM raw, 32 by 24  maxval 255' list)" -eq 10 ]
    pnmdepth 65535 photos.ppm | pnmdepth 65535 | same
    ppmtopgm <photos.ppm | pnmfile -allimages - | grep -c 'PGM raw'
    pnmdepth 15 photos.ppm | run ! same
    run -3 sh -c 'pnmtoplainpnm photos.ppm | emo-convert -f pnm'
    # A PNG of ours is what it says.
    emo-convert -q -t png -o folder photos.emo
    for file in folder/*/*.png; do pngtopnm "$file"; done | emo-convert -q -f pnm |
        make_stream --list | cut -f 6 | sort >pixels
    sed 1d want | cut -f 2 | sort | cmp - <(sed '/crc/d' pixels)
}

@test "ffmpeg takes and gives a pipe of images" {
    command -v ffmpeg >/dev/null || skip "ffmpeg is not installed"
    emo-convert -q -t pnm photos.emo |
        ffmpeg -v error -f image2pipe -c:v ppm -i - -c:v ppm -f image2pipe - | same
    # A film of frames without loss.
    emo-convert -q -t pnm photos.emo |
        ffmpeg -v error -f image2pipe -c:v ppm -i - -c:v ffv1 -pix_fmt bgr0 film.mkv
    ffmpeg -v error -i film.mkv -c:v ppm -f image2pipe - | same
}
