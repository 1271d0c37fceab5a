#!/usr/bin/env bats
# Every truncation, and every flipped bit, of streams and models through every program.
load ../helper
load ../damage

whole() {
    needs "$1"
    small_streams
    damage "${2-$1}" --cuts 1 -j "$(nproc)"
    damage "${2-$1}" --flips 1 -j "$(nproc)"
}

@test "emo-split" { whole emo-split; }
@test "emo-augment" { whole emo-augment; }
@test "emo-train" { whole emo-train; }
@test "emo-train --init" { whole emo-train emo-train-init; }
@test "emo-train --resume" { whole emo-train emo-train-resume; }
@test "emo-predict" { whole emo-predict; }
@test "emo-predict, the model" { whole emo-predict emo-predict-model; }
@test "emo-metrics" { whole emo-metrics; }
@test "emo-convert" { whole emo-convert; }
@test "emo-convert, a model" { whole emo-convert emo-convert-model; }
@test "emo-convert, a model to ONNX" { whole emo-convert emo-convert-onnx; }
@test "emo-plot" { whole emo-plot; }
@test "emo-montage" { whole emo-montage; }
@test "emo-montage --scores" { whole emo-montage emo-montage-scores; }
@test "emo-similar" { whole emo-similar; }
@test "emo-unzip -m" { whole emo-unzip emo-unzip-model; }
@test "emo-peek" { whole emo-peek; }
@test "emo-peek --values" { whole emo-peek emo-peek-values; }
@test "emo-cat" { whole emo-cat; }
@test "emo-cat, the second stream" { whole emo-cat emo-cat-second; }
