# docker build -t emo . && docker run --rm emo          the quickstart
# docker run --rm emo tests/run                         every test
FROM debian:bookworm-slim
WORKDIR /emo
COPY pipelines/packages pipelines/packages
RUN pipelines/packages test && rm -rf /var/lib/apt/lists/*
COPY . .
RUN make -j"$(nproc)" && make install PREFIX=/usr/local
CMD ["pipelines/quickstart"]
