# The page of pipelines/report beside axe-core, which looks for what hinders people, in a browser.
# EMO_NODE_MODULES names a folder that has it:
#     npm install --prefix DIR --ignore-scripts axe-core; EMO_NODE_MODULES=DIR/node_modules
# shellcheck shell=bash
load ../helper

# looked_at OPTION...: what axe finds wrong with page.html in a browser, all details open.
looked_at() {
    "$browser" --headless --no-sandbox --disable-gpu --virtual-time-budget=20000 "$@" \
        --dump-dom "file://$T/page.html" 2>/dev/null | grep -o '<title>[^<]*' | head -n 1
}

# with_axe PAGE: it as page.html, which axe looks at, and says in its title what it finds.
with_axe() {
    sed '/<\/body>/,$d' "$1"
    echo '<script>' && cat "$axe" && echo '</script>'
    cat <<'END'
<script>
addEventListener("load", async () => {
    document.querySelectorAll("details").forEach((e) => { e.open = true; });
    const dark = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    const { passes, violations } = await axe.run();
    document.title = `${dark}, ${passes.length} rules kept; broken: ` + (violations.map((v) => v.id).join(" ") || "none");
});
</script></body></html>
END
}

@test "axe finds nothing wrong with the page, on a phone and a desktop, in light and dark" {
    axe=${EMO_NODE_MODULES:-$ROOT/node_modules}/axe-core/axe.min.js
    [ -e "$axe" ] || skip "axe-core is not installed"
    browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
        skip "no Chromium"
    "$ROOT/pipelines/baseline" -s 96x96 -e 1 "$SAMPLE" out
    with_axe out/report.html >page.html
    for width in 390 1280; do
        run looked_at --window-size=$width,900
        echo "$output"
        [[ $output == '<title>light, '[2-9][0-9]' rules kept; broken: none' ]]
        run looked_at --window-size=$width,900 --force-dark-mode
        echo "$output"
        [[ $output == '<title>dark, '[2-9][0-9]' rules kept; broken: none' ]]
    done
    # It would say so if it were otherwise.
    sed 's/--quiet: #4c5560/--quiet: #8c95a0/; s/ lang="en"//; s/<h3>/<h4>/; s/<\/h3>/<\/h4>/; s/<img alt="[^"]*"/<img/' \
        out/report.html >bad.html
    with_axe bad.html >page.html
    run looked_at
    for rule in color-contrast html-has-lang heading-order image-alt; do
        [[ $output == *" $rule"* ]]
    done
}
