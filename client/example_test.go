package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"minilab/client"
)

// A photo becomes a smaller one.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	lab, err := client.New(os.Getenv("MINILAB_SERVER"), client.WithKey(os.Getenv("MINILAB_KEY")))
	if err != nil {
		log.Fatal(err)
	}
	task, err := lab.Submit(ctx, client.File("photo.jpg"), client.Order{Pipeline: "resize:150x100/webp:80"})
	if err != nil {
		log.Fatal(err)
	}
	if task, err = lab.Wait(ctx, task.ID); err != nil {
		log.Fatal(err)
	}
	file, err := os.Create("small.webp")
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	content, err := lab.Result(ctx, task.ID, "", file)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(task.State, content.ContentType, task.Outputs[0].Width, task.Outputs[0].Height)
	// Output: finished image/webp 150 100
}

// Several results of one image, which is decoded once. Submit waits for them.
func ExampleClient_Submit() {
	ctx := context.Background()
	lab, err := client.New(os.Getenv("MINILAB_SERVER"))
	if err != nil {
		log.Fatal(err)
	}
	task, err := lab.Submit(ctx, client.File("photo.jpg"), client.Order{
		Pipeline: "orient",
		Outputs: []client.Output{
			{Name: "thumb", Pipeline: "resize:60x40:cover/webp"},
			{Name: "large", Pipeline: "resize:300x200/jpeg:85"},
		},
		Tags: []string{"holiday"},
		Keep: 7 * 24 * time.Hour,
		Wait: 30 * time.Second,
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, o := range task.Outputs {
		fmt.Println(o.Name, o.ContentType, o.Width, o.Height)
	}
	// Output:
	// thumb image/webp 60 40
	// large image/jpeg 300 200
}

// What the lab refuses has a code and says why.
func ExampleError() {
	lab, err := client.New(os.Getenv("MINILAB_SERVER"))
	if err != nil {
		log.Fatal(err)
	}
	_, err = lab.Submit(context.Background(), client.File("photo.jpg"), client.Order{Pipeline: "webp:800"})
	if refused := (*client.Error)(nil); errors.As(err, &refused) {
		fmt.Println(refused.Status, refused.Code == client.CodePipeline)
		fmt.Println(refused.Detail)
	}
	// Output:
	// 400 true
	// at character 6: webp: quality is "800", expected a whole number from 1 to 100
}

// An image that was made in memory, and all tasks with its tag.
func ExampleClient_Tasks() {
	ctx := context.Background()
	lab, err := client.New(os.Getenv("MINILAB_SERVER"))
	if err != nil {
		log.Fatal(err)
	}
	photo, err := os.ReadFile("photo.jpg")
	if err != nil {
		log.Fatal(err)
	}
	for _, pipeline := range []string{"flip", "flop"} {
		order := client.Order{Pipeline: pipeline, Tags: []string{"mirrored"}, Wait: 30 * time.Second}
		if _, err := lab.Submit(ctx, client.Stream(bytes.NewReader(photo)), order); err != nil {
			log.Fatal(err)
		}
	}
	for task, err := range lab.Tasks(ctx, client.Filter{Tag: "mirrored", Oldest: true}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(task.State, task.Pipeline, task.Source.Size == int64(len(photo)))
	}
	deleted, err := lab.DeleteTag(ctx, "mirrored")
	fmt.Println(deleted, "deleted", err)
	// Output:
	// finished flip true
	// finished flop true
	// 2 deleted <nil>
}

// What happens to a task until it has ended.
func ExampleClient_Events() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	lab, err := client.New(os.Getenv("MINILAB_SERVER"))
	if err != nil {
		log.Fatal(err)
	}
	task, err := lab.Submit(ctx, client.File("photo.jpg"), client.Order{Pipeline: "rotate:90"})
	if err != nil {
		log.Fatal(err)
	}
	var last client.Event
	for event, err := range lab.Events(ctx, client.Watch{Tasks: []string{task.ID}}) {
		if err != nil {
			log.Fatal(err)
		}
		last = event
	}
	fmt.Println(last.Type, last.State, last.Task == task.ID)
	// Output: finished finished true
}

// An image that is sent piece by piece, each with its checksum.
func ExampleClient_Upload() {
	ctx := context.Background()
	lab, err := client.New(os.Getenv("MINILAB_SERVER"))
	if err != nil {
		log.Fatal(err)
	}
	photo, err := os.ReadFile("photo.jpg")
	if err != nil {
		log.Fatal(err)
	}
	id, err := lab.Upload(ctx, bytes.NewReader(photo), int64(len(photo)))
	if err != nil {
		log.Fatal(err)
	}
	task, err := lab.Submit(ctx, client.Uploaded(id), client.Order{Wait: 30 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(task.State, task.Pipeline)
	// Output: finished swap
}
