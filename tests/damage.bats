#!/usr/bin/env bats
# Streams and models cut short and with flipped bits, through every program: a sample of what
# tests/exhaustive/damage.bats does in full.
load helper
load damage

sample() {
    needs "$1"
    small_streams
    damage "${2-$1}" --cuts 13 --frames 11
}

@test "emo-split finds damage in images" { sample emo-split; }
@test "emo-augment finds damage in images" { sample emo-augment; }
@test "emo-train finds damage in images, and leaves no model" { sample emo-train; }
@test "emo-train finds damage in the model that it starts from" {
    sample emo-train emo-train-init
}
@test "emo-train finds damage in the checkpoint that it goes on from" {
    sample emo-train emo-train-resume
}
@test "emo-predict finds damage in images" { sample emo-predict; }
@test "emo-predict finds damage in a model" { sample emo-predict emo-predict-model; }
@test "emo-metrics finds damage in scores" { sample emo-metrics; }
@test "emo-convert finds damage in images" { sample emo-convert; }
@test "emo-convert finds damage in a model" {
    sample emo-convert emo-convert-model
    sample emo-convert emo-convert-onnx
}
@test "emo-montage finds damage in images, and in scores" {
    sample emo-montage
    sample emo-montage emo-montage-scores
}
@test "emo-plot finds damage in scores" { sample emo-plot; }
@test "emo-similar finds damage in images" { sample emo-similar; }
@test "emo-unzip finds damage in a model" { sample emo-unzip emo-unzip-model; }
@test "emo-peek finds damage in images and scores" {
    sample emo-peek
    sample emo-peek emo-peek-values
}
@test "emo-cat finds damage in the first stream and the second" {
    sample emo-cat
    sample emo-cat emo-cat-second
}
