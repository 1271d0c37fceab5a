# The arithmetic of a network, from what `emo-train --summary` prints: the floating-point operations
# of training on one image, and of scoring one, as computed: convolutions that are folded into one
# count as one, and what no later layer looks at does not count.
#
# A layer costs a multiplication and an addition for each weight and place of its output; training
# costs it three times, for the output and the gradients of weights and input, but the first layer's
# input needs none. Before a pooling of 2x2, a quarter of the places have a gradient.

{ split($0 ~ /relu|sigmoid|softmax/ ? $3 : $2, shape, "x") }
/^input/ { channels = shape[3] }
/^conv[0-9]+ / && NF >= 3 && $2 != "and" {
    name[++layers] = $1
    inputs[layers] = channels
    channels = shape[3]
    places[layers] = shape[1] * shape[2]
    weights[layers] = $NF - channels
    outputs[layers] = channels
}
/^maxpool[0-9]+ / {
    pooled[layers] = name[layers] ~ /^conv/
}
/^dense[0-9]+ / {
    name[++layers] = $1
    places[layers] = 1
    weights[layers] = $NF - shape[1]
}
/^conv.* and conv.* are computed as one convolution of / {
    split($NF, kernel, "x")
    for (i = 1; i < layers; i++)
        if (name[i] == $1 && name[i + 1] == $3) {
            weights[i + 1] = kernel[1] * kernel[2] * inputs[i] * outputs[i + 1]
            weights[i] = 0
        }
}
/^computed as far as the last layer reaches: / {
    for (k = 9; k < NF; k += 2)
        for (i = 1; i <= layers; i++)
            if (name[i] == $k) {
                split($(k + 1), shape, "x")
                places[i] = shape[1] * shape[2]
            }
}
END {
    for (i = 1; i <= layers; i++) {
        score += 2 * places[i] * weights[i]
        if (weights[i] > 0)
            train += (2 + (first++ ? 4 : 2) / (pooled[i] ? 4 : 1)) * places[i] * weights[i]
    }
    printf "%.0f %.0f\n", train, score
}
